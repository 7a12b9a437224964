#!/bin/sh
# Makes sure that a container engine answers: installs Docker where that is possible, and says what to do elsewhere.
set -eu

answers() {
    python -c 'from bun_sandbox_kernel.engines.docker import DockerEngine; DockerEngine().check()' 2>/dev/null
}

answers && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "No container engine answers: install Docker (Debian and Ubuntu: sudo apt-get install docker.io), start it, and join the group docker." >&2
    exit 1
fi

if ! command -v dockerd >/dev/null; then
    echo "No container engine here: installing Docker (docker.io) ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends docker.io iptables iproute2 >/dev/null
fi

# A daemon that was killed leaves its number behind, and the next one would not start while anything has it.
for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
    if [ -f "$file" ] && ! grep -q -e dockerd -e containerd "/proc/$(cat "$file")/cmdline" 2>/dev/null; then
        rm -f "$file"
    fi
done

echo "Starting Docker ..."
if [ -d /run/systemd/system ]; then
    systemctl start docker
else
    # Its own session, so that it outlives this script.
    setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
fi

tries=0
until answers; do
    tries=$((tries + 1))
    if [ "$tries" -gt 60 ]; then
        echo "Docker was started and does not answer; the end of /var/log/dockerd.log:" >&2
        tail -n 5 /var/log/dockerd.log >&2 || true
        exit 1
    fi
    sleep 0.5
done

# A bridge without an address of its own takes that of some container on it, and changes it as they come and go: those
# that stay then send to an address that nobody has, for ten seconds and more. Given what it has, it keeps it.
bridge=/sys/class/net/docker0/address
if [ -r "$bridge" ] && command -v ip >/dev/null; then
    ip link set dev docker0 address "$(cat "$bridge")"
fi
