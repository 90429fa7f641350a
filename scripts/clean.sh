#!/usr/bin/env bash
# Removes build products, of a shared target folder too, and the demo's data.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
rm -rf data dist dashboard/web/dist dashboard/web/node_modules
cargo clean
