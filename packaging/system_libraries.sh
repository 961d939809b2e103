#!/bin/sh
# The system libraries that Qt needs on Debian and its relatives. Installed when root; otherwise the command is printed.
# Exit status 1: something is still missing.
set -u

[ "$(uname -s)" = Linux ] || exit 0

libraries="
libEGL.so.1=libegl1
libGL.so.1=libgl1
libfontconfig.so.1=libfontconfig1
libfreetype.so.6=libfreetype6
libdbus-1.so.3=libdbus-1-3
libglib-2.0.so.0=libglib2.0-0
libX11-xcb.so.1=libx11-xcb1
libxkbcommon.so.0=libxkbcommon0
libxkbcommon-x11.so.0=libxkbcommon-x11-0
libxcb-cursor.so.0=libxcb-cursor0
libxcb-icccm.so.4=libxcb-icccm4
libxcb-image.so.0=libxcb-image0
libxcb-keysyms.so.1=libxcb-keysyms1
libxcb-randr.so.0=libxcb-randr0
libxcb-render-util.so.0=libxcb-render-util0
libxcb-shape.so.0=libxcb-shape0
libxcb-shm.so.0=libxcb-shm0
libxcb-sync.so.1=libxcb-sync1
libxcb-xfixes.so.0=libxcb-xfixes0
libxcb-xkb.so.1=libxcb-xkb1
"

find_missing() {
    known=$(ldconfig -p 2>/dev/null || /sbin/ldconfig -p)
    missing=
    for pair in $libraries; do
        case "$known" in
        *"${pair%%=*} "*) ;;
        *) missing="$missing ${pair#*=}" ;;
        esac
    done
}

find_missing
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Qt needs system libraries that are not here. Debian calls them:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Qt needs system libraries that are not here. To install them:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing the system libraries that Qt needs:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update </dev/null
# shellcheck disable=SC2086 # one word a package
apt-get install -y --no-install-recommends $missing </dev/null
find_missing
if [ -n "$missing" ]; then
    echo "Still missing after the installation:$missing" >&2
    exit 1
fi
