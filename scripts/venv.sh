#!/usr/bin/env bash
# Makes a virtual environment outside the clone, and prints its python: that of the tests, or
# scripts/venv.sh LOCK-FILE NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
lock="${1:-tests/requirements.txt}"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/tallylight/${2:-venv}"
wanted="$(cat "$lock")"
if [ "$(cat "$folder/made-of" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$lock" >&2
    printf '%s\n' "$wanted" > "$folder/made-of"
fi
echo "$folder/bin/python"
