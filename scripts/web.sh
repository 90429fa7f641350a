#!/usr/bin/env bash
# Builds the pages into dashboard/web/dist, only when they changed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
cd dashboard/web
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.installed ]; then
    npm ci --no-progress
    touch node_modules/.installed
fi
stamp=dist/.built
if [ ! -e "$stamp" ] || [ -n "$(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer "$stamp" -print -quit)" ]; then
    npm run --silent build
    touch "$stamp"
fi
