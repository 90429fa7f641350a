#!/usr/bin/env bash
# From a clone to a live picture: doctor, pages, build, `tallylight up`.
# With LOG=kafka a real Kafka broker runs beside it, at KAFKA_PORT, and is stopped with it. A broker
# that was already running is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
case "${LOG-disk}" in
    disk | '') purpose=run ;;
    kafka) purpose=kafka ;;
    *) echo "LOG=$LOG is unknown; use disk or kafka" >&2; exit 2 ;;
esac
scripts/doctor.sh "$purpose" --install
scripts/web.sh
# The variable would beat a file of countries that the settings file among the arguments names.
names_countries() {
    local word
    for word; do
        word="${word#--config=}"
        if [ -f "$word" ] && grep -q '^[^#]*country_file' "$word"; then return 0; fi
    done
    return 1
}
if [ -z "${TALLYLIGHT_COLLECTOR__ENRICH__COUNTRY_FILE-}" ] && ! names_countries "$@"; then
    countries=$(scripts/enrich.sh)
    if [ -n "$countries" ]; then export TALLYLIGHT_COLLECTOR__ENRICH__COUNTRY_FILE="$countries"; fi
fi
if [ ! -x "$target_dir/debug/tallylight" ]; then
    echo "First build: about 15 minutes on 2 cores (measured cold; see docs/building.md)."
fi
cargo build --locked -p tallylight-cli
if [ "$purpose" = run ]; then
    exec "$target_dir/debug/tallylight" up "$@"
fi
# However this ends, the broker is stopped, after `up`, which drains into it. So `up` has its own
# session: a Ctrl-C reaches only this script, which passes it on.
up='' signalled='' ours=1
! scripts/kafka status > /dev/null 2>&1 || ours=''
pass_on() { signalled=1; [ -z "$up" ] || kill -TERM "$up" 2> /dev/null || true; }
trap pass_on INT TERM HUP
trap "trap '' INT TERM HUP; [ -z '$ours' ] || scripts/kafka stop" EXIT
scripts/kafka start ${KAFKA_PORT:+--port "$KAFKA_PORT"}
[ -z "$signalled" ] || exit 130
brokers=$(scripts/kafka addresses)
setsid "$target_dir/debug/tallylight" up --log "kafka://$brokers" "$@" &
up=$!
[ -z "$signalled" ] || pass_on
# A signal ends the wait, not `up`; a second signal makes `up` end at once.
while
    status=0; wait "$up" || status=$?
    kill -0 "$up" 2> /dev/null
do :; done
exit "$status"
