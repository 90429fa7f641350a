#!/usr/bin/env bash
# Fetches the countries of addresses (an MMDB file from npm) into the cache, only when the lock
# file changed, and prints its path. Without it countries stay unknown, so without a network the
# script says so at once and goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tallylight/enrich"
file="$cache/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"
# Compared by content, since a fresh clone is newer than any cache.
if [ ! -e "$file" ] || ! cmp -s scripts/enrich/package-lock.json "$cache/.installed"; then
    mkdir -p "$cache"
    cp scripts/enrich/package.json scripts/enrich/package-lock.json "$cache/"
    if npm ci --prefix "$cache" --no-progress --prefer-offline --fetch-retries 0 --fetch-timeout 30000 >&2; then
        cp scripts/enrich/package-lock.json "$cache/.installed"
    else
        echo "enrich: the file of countries was not fetched; countries stay unknown" >&2
    fi
fi
if [ -e "$file" ]; then echo "$file"; fi
