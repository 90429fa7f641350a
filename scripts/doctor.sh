#!/usr/bin/env bash
# Says what this machine lacks to build, run and test Tallylight.
#   scripts/doctor.sh             check only; exit 1 when something is missing
#   scripts/doctor.sh --install   install it: by apt as root, else by sudo after asking, else
#                                 print the line to run. Asks nothing when CI is set.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
    build-essential pkg-config                        # linking and finding GStreamer
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly                         # x264enc
    gstreamer1.0-libav                                # avenc_aac
    ffmpeg chromium curl                              # what the tests judge with
)
minimum_rust=95   # 1.95
minimum_node=20

say() { printf '%s\n' "$*"; }

missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
# Ubuntu ships Chromium as a snap; a browser that is already there will do.
if command -v chromium >/dev/null || command -v google-chrome >/dev/null; then
    missing=("${missing[@]/#chromium/}")
fi
read -ra missing <<<"${missing[*]-}"

broken=0
if ! command -v cargo >/dev/null; then
    say "missing: Rust 1.$minimum_rust or newer. Install it from https://rustup.rs"; broken=1
elif [ "$(rustc --version | sed -E 's/rustc 1\.([0-9]+).*/\1/')" -lt "$minimum_rust" ]; then
    say "too old: $(rustc --version); Rust 1.$minimum_rust or newer is needed: rustup update"; broken=1
fi
if ! command -v npm >/dev/null; then
    say "missing: Node $minimum_node or newer with npm, for the pages. See https://nodejs.org"; broken=1
elif [ "$(node --version | sed -E 's/v([0-9]+).*/\1/')" -lt "$minimum_node" ]; then
    say "too old: Node $(node --version); $minimum_node or newer is needed"; broken=1
fi
[ "$broken" = 0 ] || exit 1

if [ "${#missing[@]}" -eq 0 ]; then
    [ "${1-}" = --install ] || say "doctor: everything needed is here"
    exit 0
fi

say "missing packages: ${missing[*]}"
install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "${1-}" != --install ]; then
    say "install them with: sudo $install"
    exit 1
fi
if ! command -v apt-get >/dev/null; then
    say "this script installs with apt (Debian 12, Ubuntu); here, install the same packages by your own means"
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || { [ ! -t 0 ] && [ -z "${CI-}" ]; }; then
        say "run as root: $install"
        exit 1
    fi
    if [ -z "${CI-}" ]; then
        read -rp "Install them now with sudo? [Y/n] " answer
        case "$answer" in n* | N*) say "then run: sudo $install"; exit 1 ;; esac
        as_root=(sudo)
    else
        as_root=(sudo -n)
    fi
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
# shellcheck disable=SC2086  # the list is ours and wants splitting
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
say "doctor: installed"
