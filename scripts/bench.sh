#!/usr/bin/env bash
# Speed as ratios within one run, release build: scripts/bench.sh [NAME...]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/web.sh
cargo build --quiet --locked --release -p tallylight-cli
exec "$target_dir/release/tallylight" bench "$@"
