#!/usr/bin/env bash
# Everything that must hold. The last line is the sum: "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
export CARGO_TERM_COLOR=never
started=$(date +%s)
step() { printf '\n== %s (%s s)\n' "$1" "$(($(date +%s) - started))"; }

step "doctor"; scripts/doctor.sh test --install
scripts/venv.sh > /dev/null
scripts/cml.sh > /dev/null
# `make run` needs it, and its test has no time to fetch.
scripts/enrich.sh > /dev/null
step "pages: build, types, unit tests"
scripts/web.sh
(cd dashboard/web && npm run --silent check && npm test --silent)
step "format and lints"; scripts/lint.sh
step "build"
cargo build --quiet --locked --workspace --all-targets
# What `make run` builds: the test of `make run` begins on a built tree.
cargo build --quiet --locked -p tallylight-cli

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
status=0
# Always the whole workspace: another choice of rooms compiles DataFusion anew.
tests() { cargo test --locked --workspace --no-fail-fast "$@" 2>&1; }

step "tests of each room"
tests --exclude tallylight-tests | tee "$log/rooms" || status=$?

# The whole ways wait more than they work. So those with pictures run beside all others.
step "whole ways"
pictures=(first_light mixed_pipelines pages player players slate two_pipelines)
others=()
for file in tests/tests/*.rs; do
    name=$(basename "$file" .rs)
    [[ " ${pictures[*]} " == *" $name "* ]] || others+=("$name")
done
tests "${others[@]/#/--test=}" > "$log/others" &
beside=$!
tests "${pictures[@]/#/--test=}" | tee "$log/pictures" || status=$?
step "whole ways without pictures, which ran beside"
wait "$beside" || status=$?
cat "$log/others"
passed=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log"/*)
failed=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log"/*)
step "done"
echo "$passed passed, $failed failed"
exit "$status"
