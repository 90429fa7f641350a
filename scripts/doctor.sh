#!/usr/bin/env bash
# Reports what this machine lacks.
#   scripts/doctor.sh [run|kafka|test]             check only; exit 1 when something is missing
#   scripts/doctor.sh [run|kafka|test] --install   install it: with apt as root, else with sudo
#                                                  after asking, else print the command to run.
#                                                  Asks nothing when CI is set.
# `run` needs the least; `kafka` is `run` with Java and Maven for real brokers; `test` also needs
# ffmpeg and a browser.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=test install=no
for argument in "$@"; do
    case "$argument" in
        run | kafka | test) purpose=$argument ;;
        --install) install=yes ;;
        *) echo "doctor: unknown argument $argument; use run, kafka, test or --install" >&2; exit 2 ;;
    esac
done

say() { printf 'doctor: %s\n' "$*"; }
broken=no
lacks() { say "$*"; broken=yes; }

packages=(
    build-essential pkg-config curl                   # linking, finding GStreamer
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly                         # x264enc
    gstreamer1.0-libav                                # avenc_aac
)
if [ "$purpose" != run ]; then
    # Any Java from 17 on is enough; Debian's is required only where there is none.
    command -v java >/dev/null || packages+=(default-jre-headless)
    command -v mvn >/dev/null || packages+=(maven)
fi
if [ "$purpose" = test ]; then
    packages+=(ffmpeg)
    # For DuckDB, which reads history in a test; Debian packages pip and venv separately.
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
    # Any Chromium is enough; Debian's package is required only where there is none. Ubuntu's apt
    # has none: there it is a snap.
    browsers="chromium chromium-browser google-chrome"
    # shellcheck disable=SC2086  # three names
    if ! command -v $browsers >/dev/null; then
        if grep -qsx 'ID=ubuntu' /etc/os-release; then
            lacks "a Chromium is missing, and Ubuntu's apt has none: sudo snap install chromium"
        else
            packages+=(chromium)
        fi
    fi
fi

# version_below HAVE WANT, both MAJOR.MINOR
version_below() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" != "$2" ]; }

if ! command -v cargo >/dev/null; then
    lacks "Rust 1.95 or newer is missing; install it from https://rustup.rs"
elif version_below "$(rustc --version | cut -d' ' -f2)" 1.95; then
    lacks "$(rustc --version) is too old, 1.95 is needed: rustup update"
elif [ "$purpose" = test ]; then
    cargo fmt --version >/dev/null 2>&1 || lacks "rustfmt is missing: rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || lacks "clippy is missing: rustup component add clippy"
fi
if ! command -v npm >/dev/null; then
    lacks "Node 20.19 or newer with npm is missing; see https://nodejs.org"
elif version_below "$(node --version | tr -d v)" 20.19; then
    lacks "Node $(node --version) is too old; 20.19 is needed"
fi

if [ "$purpose" != run ] && command -v java >/dev/null; then
    major=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    [ "${major:-0}" -ge 17 ] || lacks "Java ${major:-of unknown version} is too old; Kafka needs 17"
fi

if [ "$broken" = yes ]; then exit 1; fi
if ! command -v dpkg-query >/dev/null; then
    say "packages can be checked only on Debian 12 and Ubuntu; install their equivalents yourself:"
    say "${packages[*]}"
    exit 0
fi
missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done

# The version is known only once GStreamer is installed.
check_gstreamer() {
    command -v pkg-config >/dev/null || return 0
    version=$(pkg-config --modversion gstreamer-1.0 2>/dev/null) || return 0
    if version_below "$version" 1.22; then
        say "GStreamer $version is too old, 1.22 is needed (Debian 12, Ubuntu 24.04); docs/building.md"
        say "says how to build without encoders"
        exit 1
    fi
}
check_gstreamer

if [ "${#missing[@]}" -eq 0 ]; then
    [ "$purpose" = kafka ] && purpose="run LOG=kafka"
    [ "$install" = yes ] || say "everything that \`make $purpose\` needs is installed"
    exit 0
fi

say "missing packages: ${missing[*]}"
line="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$install" = no ]; then
    say "install them with: sudo $line"
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if [ -n "${CI-}" ]; then
        as_root=(sudo -n)
    elif command -v sudo >/dev/null && [ -t 0 ]; then
        read -rp "Install them now with sudo? [Y/n] " answer
        case "$answer" in n* | N*) say "run this yourself: sudo $line"; exit 1 ;; esac
        as_root=(sudo)
    else
        say "run as root: $line"
        exit 1
    fi
fi
say "installing (a minute or two)"
"${as_root[@]}" apt-get update -qq
# shellcheck disable=SC2086  # the line is ours and must be split
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $line -qq >/dev/null
say "installed"
check_gstreamer
