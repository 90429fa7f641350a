#!/usr/bin/env bash
# From a clone to a live picture: doctor, pages, build, `tallylight up`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/doctor.sh run --install
if [ ! -x "$target_dir/debug/tallylight" ]; then
    echo "First build: about 15 minutes on 2 cores (measured cold; see docs/building.md)."
fi
scripts/web.sh
cargo build --quiet --locked -p tallylight-cli
exec "$target_dir/debug/tallylight" up "$@"
