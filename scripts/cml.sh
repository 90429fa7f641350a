#!/usr/bin/env bash
# Installs CMCD's reference implementation (@svta/cml-cmcd, two versions) for the tests that
# compare us with it; only when a lock file changed.
set -euo pipefail
cd "$(dirname "$0")/../tests/cml"
for version in 2.4 2.7; do
    if [ ! -d "$version/node_modules" ] || [ "$version/package-lock.json" -nt "$version/node_modules/.installed" ]; then
        (cd "$version" && npm ci --no-progress --no-audit --no-fund && touch node_modules/.installed)
    fi
done
