#!/bin/sh
# Makes sure that Chromium is there for the browser tests.
set -eu

command -v chromium >/dev/null && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "No browser for the tests: install Chromium (Debian: sudo apt-get install chromium)." >&2
    exit 1
fi

echo "No browser here: installing Chromium ..."
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium >/dev/null
