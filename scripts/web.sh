#!/usr/bin/env bash
# Builds the pages into dashboard/web/dist, only when something in them changed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
cd dashboard/web
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.installed ]; then
    npm ci --no-progress
    touch node_modules/.installed
fi
# Folders count too: removing or renaming a file touches its folder.
stamp=dist/.built
newer() { find . \( -path ./node_modules -o -path ./dist \) -prune -o ! -path . -newer "$stamp" -print -quit; }
if [ ! -e "$stamp" ] || [ -n "$(newer)" ]; then
    npm run --silent build -- --logLevel warn
    touch "$stamp"
fi
