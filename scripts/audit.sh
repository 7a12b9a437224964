#!/bin/sh
# Asks for known flaws in what is locked. Where the service that knows them cannot be reached, says so and goes on.
set -u

cd "$(dirname "$0")/.." || exit
status=0

# $1: what is asked about; $2: the words of a service that is out of reach; the rest: the command.
audit() {
    about=$1
    unreachable=$2
    shift 2
    if said=$("$@" 2>&1); then
        echo "$about: no known flaws"
    elif why=$(printf '%s' "$said" | grep -iE -m 1 "$unreachable"); then
        echo "$about: NOT AUDITED, the service cannot be reached: $why" >&2
    else
        printf '%s\n' "$said" >&2
        status=1
    fi
}

audit "Python packages" "could not be audited|not found on PyPI|connection|timed out|resolve|HTTPError" \
    pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off
audit "npm packages" "audit endpoint|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|E40|E50|not supported" \
    npm --prefix docker audit --package-lock-only
exit "$status"
