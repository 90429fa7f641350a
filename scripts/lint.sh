#!/usr/bin/env bash
# Format and lints, as in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
cargo fmt --all --check
cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
