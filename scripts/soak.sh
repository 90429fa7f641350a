#!/usr/bin/env bash
# The sizes that `make test` has no time for: a hundred kills, a million mutated bodies. By
# `--workspace`, since another choice of rooms compiles DataFusion anew.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/doctor.sh test --install
scripts/venv.sh > /dev/null
scripts/cml.sh
scripts/enrich.sh > /dev/null
scripts/web.sh
cargo build --quiet --locked --workspace --all-targets
TALLYLIGHT_SOAK=1 TALLYLIGHT_SEEDS="${TALLYLIGHT_SEEDS:-2000}" \
    cargo test --locked --workspace --no-fail-fast
scripts/fuzz.sh 300
