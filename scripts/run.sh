#!/usr/bin/env bash
# From a clone to a live picture: doctor, pages, build, `tallylight up`.
# With LOG=kafka a real Kafka broker runs beside it, at KAFKA_PORT, and is stopped with it. One that ran
# before is another's, and stays.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
case "${LOG-disk}" in
    disk | '') purpose=run ;;
    kafka) purpose=kafka ;;
    *) echo "LOG=$LOG: disk or kafka" >&2; exit 2 ;;
esac
scripts/doctor.sh "$purpose" --install
scripts/web.sh
if [ -z "${TALLYLIGHT_COLLECTOR__ENRICH__COUNTRY_FILE-}" ]; then
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
# However this ends, the broker is stopped, and after `up`, which drains into it. So `up` has a session
# of its own: a Ctrl-C reaches this script alone, which passes it on.
up='' told='' ours=1
! scripts/kafka status > /dev/null 2>&1 || ours=''
pass_on() { told=1; [ -z "$up" ] || kill -TERM "$up" 2> /dev/null || true; }
trap pass_on INT TERM HUP
trap "trap '' INT TERM HUP; [ -z '$ours' ] || scripts/kafka stop" EXIT
scripts/kafka start ${KAFKA_PORT:+--port "$KAFKA_PORT"}
[ -z "$told" ] || exit 130
brokers=$(scripts/kafka addresses)
setsid "$target_dir/debug/tallylight" up --log "kafka://$brokers" "$@" &
up=$!
[ -z "$told" ] || pass_on
# A signal ends the waiting, not `up`; a second one makes that end at once.
while
    status=0; wait "$up" || status=$?
    kill -0 "$up" 2> /dev/null
do :; done
exit "$status"
