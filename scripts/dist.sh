#!/usr/bin/env bash
# The release binary.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/web.sh
cargo build --quiet --locked --release -p tallylight-cli
echo "$target_dir/release/tallylight"
