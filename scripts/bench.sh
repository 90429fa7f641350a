#!/usr/bin/env bash
# Speed as ratios within one run, release build: scripts/bench.sh [NAME...]
# UNDER_TEST names a binary that is already built. KAFKA=HOST:PORT,... (scripts/kafka start)
# also measures the collector with the log in Kafka.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
if [ -z "${UNDER_TEST-}" ]; then
    scripts/web.sh
    cargo build --quiet --locked --release -p tallylight-cli
fi
door=(--cert serve/tests/certs/one.pem --key serve/tests/certs/one.key)
if [ -n "${KAFKA:-}" ]; then door+=(--kafka "$KAFKA"); fi
countries=$(scripts/enrich.sh)
if [ -n "$countries" ]; then door+=(--country-file "$countries"); fi
exec "${UNDER_TEST:-$target_dir/release/tallylight}" bench "${door[@]}" "$@"
