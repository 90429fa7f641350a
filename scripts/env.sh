# Sourced by the other scripts: where build products go.
# A target folder outside the clone is used if it exists (or CARGO_TARGET_DIR names one),
# so that a fresh clone does not compile the dependencies again.
shared_target="${XDG_CACHE_HOME:-$HOME/.cache}/tallylight/target"
if [ -z "${CARGO_TARGET_DIR-}" ]; then
    # The build of librdkafka does not quote its paths.
    case "$PWD" in *[[:space:]]*) mkdir -p "$shared_target" ;; esac
    if [ -d "$shared_target" ]; then CARGO_TARGET_DIR="$shared_target"; fi
fi
target_dir="${CARGO_TARGET_DIR:-$PWD/target}"
case "$target_dir" in *[[:space:]]*)
    echo "librdkafka cannot be built in $target_dir: set CARGO_TARGET_DIR to a path without spaces" >&2
    exit 1 ;;
esac
# Always stated, since Cargo's own configuration may name another.
export CARGO_TARGET_DIR="$target_dir"
export npm_config_loglevel="${npm_config_loglevel:-error}" npm_config_fund=false npm_config_audit=false
