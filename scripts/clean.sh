#!/usr/bin/env bash
# Removes build products, also those in a shared target folder, and the demo's data. A broker that
# still runs there is stopped first.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/kafka stop
rm -rf data dist dashboard/web/dist dashboard/web/node_modules
cargo clean
