#!/usr/bin/env bash
# Retakes the pictures in docs from a demo that has run for some minutes: `make run`, then this
# script in another shell, with the dashboard's address unless it is the default.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
node tests/browser/screenshots.mjs "${1:-http://127.0.0.1:7700}" "$folder"
for picture in control-room pipeline; do
    # The pages have few colours: a palette reduces the file to a third.
    ffmpeg -loglevel error -y -i "$folder/$picture.png" \
        -vf 'split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=none' "docs/$picture.png"
    ls -l "docs/$picture.png"
done
