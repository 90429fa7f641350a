#!/usr/bin/env bash
# The sizes that `make test` has no time for: the crash and ledger tests, longer, and a million
# mutated bodies.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/web.sh
cargo build --quiet --locked --workspace --all-targets
TALLYLIGHT_SOAK=1 cargo test --locked -p tallylight-tests --no-fail-fast
TALLYLIGHT_SOAK=1 cargo test --locked -p tallylight-collector --test bad_input
