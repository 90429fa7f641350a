#!/usr/bin/env bash
# The test sizes that `make test` has no time for, step by step, into a dated table that is committed:
#   scripts/soak.sh [STEP...]      all steps by default; `make soak STEPS="ledger-disk shards"`
# SEEDS (2000), FUZZ_S (300, for each target) and STEADY_S (600) can shorten a run, and the table
# says so. Tests use the dev profile; the processes that they start, and the benches, are the
# release build, or UNDER_TEST. `make test` installs what the tests need.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
seeds=${SEEDS:-2000} fuzz_s=${FUZZ_S:-300} steady_s=${STEADY_S:-600}
export TALLYLIGHT_SOAK=1

scripts/doctor.sh test --install
scripts/venv.sh > /dev/null
scripts/enrich.sh > /dev/null
scripts/web.sh
cargo build --quiet --locked --workspace --bins
if [ -z "${UNDER_TEST-}" ]; then
    cargo build --quiet --locked --release -p tallylight-cli
    export UNDER_TEST="$target_dir/release/tallylight"
fi

commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain --untracked-files=no -- . ':!docs/soak')" ] || commit="$commit with changes"
table=docs/soak/$(date -u +%F).md
mkdir -p docs/soak "$target_dir/soak"
if [ ! -e "$table" ]; then
    cat > "$table" <<HEAD
# Soak of $(date -u +%F)

By \`make soak\` (\`scripts/soak.sh\`) on $(nproc) cores, $(awk '/MemTotal/ { print int($2 / 1048576) }' /proc/meminfo) GiB. Steps
and what must hold: [testing](../testing.md). A step that ran twice has two lines.

| step | size | commit | outcome | took, s | figures |
|---|---|---|---|---|---|
HEAD
fi

# step NAME SIZE COMMAND...: runs it, and writes its line.
failed=0
step() {
    local name=$1 size=$2 log="$target_dir/soak/$1.log" began outcome=passed figures
    # A bench prints its aims beside its figures; a missed aim is not a failure.
    case "$name" in steady | bench) outcome=measured ;; esac
    shift 2
    if [ -n "$wanted" ] && [[ " $wanted " != *" $name "* ]]; then return; fi
    echo "== $name: $size"
    began=$(date +%s)
    "$@" > "$log" 2>&1 || { outcome="**failed**"; failed=1; }
    # The first figure of a test is on the line with its name. A cell has the newest of them.
    figures=$(sed -n 's/^\(test .*\.\.\. \)\{0,1\}figure: //p' "$log" \
        | awk -v most=24 '{ line[NR] = $0 }
            END { if (NR > most) print "(" NR - most " more before)"
                  for (n = NR > most ? NR - most + 1 : 1; n <= NR; n++) print line[n] }' \
        | sed 's/|/\\|/g; s/$/<br>/' | tr -d '\n')
    echo "| $name | $size | $commit | $outcome | $(($(date +%s) - began)) | ${figures%<br>} |" >> "$table"
    echo "   $outcome; its output is in $log"
}
# Tests the workspace: another choice of crates would compile DataFusion again.
# A name that matches no test must not pass.
rust() {
    # shellcheck disable=SC2154 # `log` is the caller's, and this output goes there.
    cargo test --locked --workspace "$@" -- --nocapture --test-threads 1 &&
        grep -q '^test result: ok\. [1-9]' "$log"
}
steady() { scripts/bench.sh steady --seconds "$1" | sed 's/^/figure: /'; }
# Too wide for a cell.
bench() {
    local all="${table%.md}-bench.txt" n=1
    while [ -e "$all" ]; do n=$((n + 1)); all="${table%.md}-bench-$n.txt"; done
    # The caller checks the exit code, so `set -e` does not apply here.
    scripts/bench.sh "$@" > "$all" && echo "figure: [all](${all##*/})"
}
fuzz() {
    scripts/fuzz.sh "$1" 2>&1 |
        sed 's/^fuzz target \(.*\)$/figure: \1/; s/^stat::number_of_executed_units: */figure: inputs: /'
}

wanted="$*"
for name in $wanted; do
    grep -q "^step $name " "$0" || { echo "soak: there is no step $name" >&2; exit 2; }
done
step mutations "a million mutated bodies" rust --test bad_input
step attacks "30 s of each attack" rust --test attacks
step overload "30 s at 1, 2, 5, 10 × capacity" rust --test overload
step scarce "20 s at 1, 2, 5, 10 × what a core takes" rust --test scarce
step values "ten million values of each dimension" rust --test cardinality
step ledger-disk "20,000/s for 60 s, 10 kills" rust --test crash at_a_steady_rate
step ledger-shed "20,000/s for 60 s into a queue of 2,000" rust --test crash at_a_load_that_is_shed
step ledger-kafka "20,000/s for 60 s, 10 kills, 3 brokers" rust --test kafka at_a_steady_rate
step kills-disk "100 kills of the data process" rust --test crash nothing_acknowledged
step kills-tree "100 kills of everything" rust --test history
step kills-kafka "50 kills: collector, leading broker, processor, dashboard" rust --test kafka nothing_acknowledged
step shards "1, 3, 2 processors" rust --test kafka_shards
step viewers "one seed of 2,000 viewers" "$target_dir/debug/tallylight-sim" --viewers 2000
step seeds "$seeds seeds of 10 viewers" "$target_dir/debug/tallylight-sim" --seeds "$seeds"
step steady "$steady_s s at 70 % of capacity" steady "$steady_s"
step bench "steps, W1, door, sessions" bench decode append window scaling archive w1 door path sessions
step fuzz "$fuzz_s s of each target" fuzz "$fuzz_s"
echo "$table has the results"
exit "$failed"
