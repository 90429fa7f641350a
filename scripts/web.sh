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
    # Beside each text its compressed form, which the dashboard sends to browsers that accept it.
    find dist -type f \( -name '*.js' -o -name '*.css' -o -name '*.html' -o -name '*.svg' \) -exec gzip -9 -k -f -n {} +
    touch "$stamp"
fi
