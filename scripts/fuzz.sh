#!/usr/bin/env bash
# Fuzzes every parser and inflater of the collector with libFuzzer, memory limited to 512 MiB.
#   scripts/fuzz.sh [SECONDS] [TARGET...]     60 seconds for each target unless said otherwise
# An input that breaks one is kept under fuzz/artifacts, with the command that repeats it. Needs a
# nightly Rust (rustup toolchain install nightly); cargo-fuzz is installed when missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
seconds=${1:-60}
shift || true
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    # Not `< <(…)`, which would hide that it failed.
    list=$(cargo +nightly fuzz list)
    mapfile -t targets <<< "$list"
fi
for target in "${targets[@]}"; do
    echo "fuzz target $target"
    mkdir -p "fuzz/corpus/$target"
    # Seeds are only read: they contain words that random inputs would take long to find.
    seeds="fuzz/seeds/$target"
    if [ "$target" = arrow_stream ]; then seeds=schemas/tests/goldens/stored; fi
    cargo +nightly fuzz run --target-dir "$target_dir/fuzz" "$target" \
        "fuzz/corpus/$target" "$seeds" -- \
        -max_total_time="$seconds" -rss_limit_mb=512 -timeout=10 -max_len=65536 -print_final_stats=1
done
