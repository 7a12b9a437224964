#!/bin/sh
# Makes sure that the tools of docker/README.md are there for its tests: compose, jq, lsof, curl, and nginx for the proxy.
set -eu

missing=
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || missing="$missing docker-compose"
for tool in jq lsof curl openssl; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$missing nginx-light"

[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "For the tests of docker/README.md install$missing (Debian: sudo apt-get install$missing)." >&2
    exit 1
fi

echo "Installing$missing ..."
apt-get update -qq
# shellcheck disable=SC2086  # a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing >/dev/null
