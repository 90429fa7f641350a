#!/usr/bin/env bash
# Makes the virtual environment that tests use, outside the clone, and prints its python.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="${XDG_CACHE_HOME:-$HOME/.cache}/tallylight/venv"
wanted="$(cat tests/requirements.txt)"
if [ "$(cat "$folder/made-of" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt >&2
    printf '%s\n' "$wanted" > "$folder/made-of"
fi
echo "$folder/bin/python"
