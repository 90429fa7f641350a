#!/usr/bin/env bash
# A tarball with the release binary, the documents and the licence: dist/tallylight-VERSION-ARCH.tar.gz.
# It is built without GStreamer, so that it runs on machines without it: `tallylight up` then plays
# the recording inside the binary (`--source loop`). For a live encoder, build on the machine itself.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/web.sh
cargo build --quiet --locked --release -p tallylight-cli --no-default-features

binary="$target_dir/release/tallylight"
name="tallylight-$("$binary" --version | cut -d' ' -f2)-$(uname -m)-linux"
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
mkdir "$staging/$name"
# Line tables for debuggers are three quarters of the binary; function names stay.
strip --strip-debug -o "$staging/$name/tallylight" "$binary"
cp README.md ARCHITECTURE.md CHANGELOG.md LICENSE "$staging/$name"
cp -r docs "$staging/$name/docs"
mkdir -p dist
# The same tree gives the same archive: names sorted, no owner, one date.
tar --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$(git log -1 --format=%ct 2>/dev/null || date +%s)" \
    -C "$staging" -czf "dist/$name.tar.gz" "$name"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "dist/$name.tar.gz"
