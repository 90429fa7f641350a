#!/usr/bin/env bash
# Workload W1 on DuckDB, chDB, Flink and Tallylight in one run, release build:
# scripts/bench-peers.sh [EVENTS]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
command -v javac > /dev/null || { echo "bench-peers: Flink needs a JDK 17 (apt install openjdk-17-jdk-headless)"; exit 1; }
python=$(scripts/venv.sh bench/peers/requirements.txt peers)
scripts/web.sh
cargo build --quiet --locked --release -p tallylight-cli
exec "$python" bench/peers/run.py "$target_dir/release/tallylight" "$@"
