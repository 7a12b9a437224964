"""Pure: how a container ended and what it said → the lines that tell why, and what to do about it.

Law: words are of its standard error, where nothing stands that strangers ran; the lines of executions are elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

MEMORY = (
    "Raise mem_limit and memswap_limit together, and MAX_MEMORY with them, or a program has no more than before "
    "(docker/compose.memory.yml raises all three); or lower MAX_MEMORY, so that a program ends before the container."
)
SECCOMP = (
    "Start it once with BUN_SANDBOX_SECCOMP=unconfined: if it comes up then, allow what it needs in "
    "seccomp-profile.json, and keep the filter."
)
PROCESSES = (
    "Give it a user of its own, or take nproc out of its ulimits: Linux counts that for all containers of one user "
    "together, and pids_limit (50 by docker-compose.yml) bounds this one alone."
)
PERMISSIONS = (
    "Its user, 10002 by docker-compose.yml, must be able to read the files that are named: in an image of your own, "
    "`COPY --chown=10002:10002`; for a mounted file, `chmod o+r`."
)
STARVED = (
    "Most often it may not have the processes, the memory or the system calls that it needs: raise pids_limit, or "
    "mem_limit and memswap_limit, and take nproc out of its ulimits; if that changes nothing, start it once with "
    "BUN_SANDBOX_SECCOMP=unconfined to see whether it is the filter."
)
_PORTS = "Once the ports are free, `docker restart bun-sandbox`; the line on ports says who has them."
_SETTING = (
    "Remove it with `docker rm -f bun-sandbox`, since it keeps its settings; correct the one that is named, and start "
    "it again."
)
_IMAGE = "Build the image again with `bun-sandbox image build --force`."
_CAUSES = (
    # The engine's runtime itself, which starts with the filter on.
    (r"cannot start an already running|unexpected signal during runtime", SECCOMP),
    (r"already allocated|already in use", _PORTS),
    (r"resource temporarily unavailable|EAGAIN|errno 11\b", PROCESSES),
    (r"permission denied|EACCES|errno 13\b", PERMISSIONS),
    (r"; (?:give|write) ", _SETTING),
    (r"operation not permitted|EPERM|function not implemented|ENOSYS|errno (?:1|38)\b|refused by the kernel", SECCOMP),
    (r"cannot allocate memory|out of memory|ENOMEM|errno 12\b", MEMORY),
    (r"no such file|exec format|not found", _IMAGE),
)
"""What the engine or the container said → what to do; the first that fits."""

_SIGKILLED, _SIGSYS_KILLED = 137, 159
"""Exit statuses of processes that a signal ended: 128 and its number."""
_CRASHED = {132, 133, 134, 139}
"""By SIGILL, which Bun ends itself with, SIGTRAP, SIGABRT and SIGSEGV."""
_TELLING = re.compile(r"^panic\b|^(?:fatal )?\w*[Ee]rror: |^E[A-Z0-9]+: |^exec |: error |; (?:give|write) ")
"""What Bun, its loader, the engine and our settings begin or hold in the line that says what went wrong."""
_MAX_CHARACTERS = 600


class FailedWorker(NamedTuple):
    """What the log tells of a worker that could not start (docs/http-api.md, "The log")."""

    time: str
    said: list[str]


def last_words(text: str) -> list[str]:
    """Return the last lines that tell what went wrong, or the last of all where none does: whole, and each once."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    said: list[str] = []
    for line in dict.fromkeys(reversed(telling or lines)):
        if said and sum(map(len, said)) + len(line) > _MAX_CHARACTERS:
            break
        said.insert(0, line[:_MAX_CHARACTERS])
    return said


def failed_worker(events: str) -> FailedWorker | None:
    """Return the last that the lines of standard output tell of; None where they tell of none."""
    failed = [event for event in map(_event, events.splitlines()) if event.get("event") == "worker_failed"]
    return FailedWorker(str(failed[-1].get("time")), last_words(str(failed[-1].get("said")))) if failed else None


def remedy_of_end(
    code: int, error: str, said: Sequence[str], *, is_out_of_memory: bool = False, is_restarting: bool = False
) -> str:
    """Say what to do about an end with exit status ``code``, the engine's ``error`` and the container's last words."""
    if is_out_of_memory or code == _SIGKILLED:
        return MEMORY
    if code == _SIGSYS_KILLED:
        return SECCOMP
    otherwise = (
        STARVED
        if code in _CRASHED
        else "`docker logs bun-sandbox` has its whole log; `docker stop bun-sandbox` ends its restarts."
        if is_restarting
        else "Start it with `docker start bun-sandbox`; `docker logs bun-sandbox` has its whole log."
    )
    return remedy_of_words([*said, error], otherwise)


def remedy_of_words(said: Sequence[str], otherwise: str) -> str:
    """Say what to do about what was said; the last line that has a known cause decides."""
    return next((remedy for line in reversed(said) for remedy in _remedies(line)), otherwise)


def _remedies(line: str) -> Iterator[str]:
    for pattern, remedy in _CAUSES:
        if re.search(pattern, line, re.IGNORECASE):
            yield remedy


def _event(line: str) -> dict[str, Any]:
    """Return an event; empty for what is none, such as the rest of a line whose beginning is further up."""
    with suppress(ValueError):
        event = json.loads(line)
        return event if isinstance(event, dict) else {}
    return {}
