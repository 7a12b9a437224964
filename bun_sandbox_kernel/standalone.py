"""What may stand in the way of the container ``bun-sandbox``, which serves without a kernel (docker/README.md).

Judging is pure; what is judged comes from the engine, the machine's sockets and its kernel's log.
"""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import psutil

from .checks import Check
from .engines import docker_standalone
from .names import visible
from .policy import SandboxPolicy

NAME = "bun-sandbox"
PORTS = (9998, 9999)
_CLASHING = {"127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"}
_LAST_LINES = 5
_ANSWER_S = 2
_BOUNDS_SIGNALS = 6
"""The version of Landlock since which signals are within the bounds (LANDLOCK_SCOPE_SIGNAL in landlock(7))."""
_SIGKILLED, _SIGSYS_KILLED = 137, 159
"""Exit statuses of processes that a signal ended: 128 and its number."""
_UP = {"running", "paused"}

MEMORY = (
    "Raise mem_limit and memswap_limit together (docker/compose.memory.yml), or lower MAX_MEMORY, so that a program "
    "ends before the container."
)
SECCOMP = (
    "Start it once with BUN_SANDBOX_SECCOMP=unconfined: if it comes up then, allow what it needs in "
    "seccomp-profile.json, and keep the filter."
)
PROCESSES = (
    "Give it a user of its own, or take nproc out of its ulimits: Linux counts that for all containers of one user "
    "together, and pids_limit bounds this one alone."
)
PERMISSIONS = (
    "Its user, 10002 by docker-compose.yml, must be able to read the files that are named: in an image of your own, "
    "`COPY --chown=10002:10002`; for a mounted file, `chmod o+r`."
)
NEIGHBOURS = (
    "Start it with the seccomp-profile.json of this version, on Linux 6.12 or later with landlock among its security "
    "modules (lsm=); until then let nobody in whom the others do not trust."
)
_CAUSES = (
    (r"already allocated|already in use", "Free the ports that are named above, then `docker start bun-sandbox`."),
    (r"resource temporarily unavailable|EAGAIN", PROCESSES),
    (r"permission denied|EACCES", PERMISSIONS),
    (r"; (?:give|write) ", "Correct the setting, then `docker compose up -d`."),
    (r"operation not permitted|EPERM|function not implemented|ENOSYS", SECCOMP),
    (r"cannot allocate memory|out of memory|ENOMEM", MEMORY),
    (r"no such file|exec format|not found", "Build the image again with `bun-sandbox image build --force`."),
)
"""What the engine or the container said → what to do; the first that fits."""


class Holder(NamedTuple):
    """Who listens on a port: a container, or a process of the machine."""

    kind: str
    name: str


class Denial(NamedTuple):
    """A system call that a filter did not let pass, as the kernel's log tells it (seccomp(2), audit record 1326)."""

    at_s: float
    architecture: int
    number: int


def examine() -> Iterator[Check]:
    """Yield every check. Raises EngineUnavailable."""
    yield check_ports(holders(docker_standalone.published()))
    described = docker_standalone.describe(NAME)
    if described is None:
        return
    yield check_container(described, docker_standalone.last_lines(NAME, _LAST_LINES))
    yield from check_apart(_health(described))
    yield from check_seccomp(described, denials(_kernel_log(), _user(described)))


def check_ports(held: Mapping[int, Holder]) -> Check:
    """Judge who has the ports; kernels need none."""
    others = {port: holder for port, holder in held.items() if holder != Holder("container", NAME)}
    if others:
        said = ", ".join(f"{port} by the {holder.kind} {holder.name}" for port, holder in others.items())
        return Check(
            "warn",
            f"ports: taken are {said}",
            f"Stop that before you start the container {NAME}; kernels need no port.",
        )
    if held:
        return Check("ok", f"ports: {', '.join(map(str, held))} are those of the container {NAME}")
    return Check("ok", "ports: 9998 and 9999 are free")


def check_container(described: Mapping[str, Any], log: str) -> Check:
    """Judge the engine's description of the container, and the end of its log."""
    state = described["State"]
    out_of_memory = bool(state.get("OOMKilled"))
    if state["Status"] in _UP:
        if out_of_memory:
            return Check("warn", f"container: {NAME} is up, and has run out of memory before", MEMORY)
        return Check("ok", f"container: {NAME} is {state['Status']}")
    code = state.get("ExitCode", 0)
    words = " ".join(f"{state.get('Error', '')} {log}".split())
    said = f", and said: {visible(words[-600:])}" if words else ""
    return Check(
        "warn",
        f"container: {NAME} is {state['Status']}, with exit status {code}"
        f"{', out of memory' if out_of_memory else ''}{said}",
        _remedy(code, words, out_of_memory=out_of_memory),
    )


def _remedy(code: int, words: str, *, out_of_memory: bool) -> str:
    if out_of_memory or code == _SIGKILLED:
        return MEMORY
    if code == _SIGSYS_KILLED:
        return SECCOMP
    for pattern, remedy in _CAUSES:
        if re.search(pattern, words, re.IGNORECASE):
            return remedy
    return "Start it with `docker start bun-sandbox`; `docker logs bun-sandbox` has its whole log."


def check_apart(health: Mapping[str, Any]) -> Iterator[Check]:
    """Judge what keeps executions apart, by what the container's health says; nothing where it says nothing."""
    version = health.get("landlock")
    if not isinstance(version, int):
        return
    if version >= _BOUNDS_SIGNALS:
        yield Check("ok", f"neighbours: Landlock {version} keeps executions apart in memory, files and signals")
    elif version > 0:
        yield Check("warn", f"neighbours: with Landlock {version} executions can signal each other", NEIGHBOURS)
    else:
        yield Check(
            "warn", "neighbours: without Landlock executions reach each other's files and processes", NEIGHBOURS
        )


def check_seccomp(described: Mapping[str, Any], denied: list[Denial]) -> Iterator[Check]:
    """Name the system calls that were not let pass while the container ran; nothing where the log knows of none."""
    state = described["State"]
    begun = _seconds(state["StartedAt"])
    ended = float("inf") if state["Status"] in _UP else _seconds(state["FinishedAt"]) + 1
    names = sorted({call_name(one) for one in denied if begun - 1 <= one.at_s <= ended})
    if names:
        yield Check("warn", f"seccomp: denied while {NAME} ran, by the kernel's log: {', '.join(names)}", SECCOMP)


def _health(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask for its health, where its port is published and it answers; empty otherwise."""
    published = described["NetworkSettings"]["Ports"].get("9999/tcp") or [{}]
    with suppress(httpx.HTTPError, ValueError, KeyError):
        url = f"http://127.0.0.1:{published[0]['HostPort']}/health"
        with httpx.stream("GET", url, timeout=_ANSWER_S) as answer:
            # It comes in one piece; what does not is not waited for.
            said = json.loads(next(answer.iter_bytes(), b""))
        return said if isinstance(said, dict) else {}
    return {}


def _user(described: Mapping[str, Any]) -> int:
    """Return who it runs as: the image's user where it was started without another."""
    named = described["Config"]["User"].partition(":")[0]
    return int(named) if named.isdecimal() else SandboxPolicy.uid


def denials(kernel_log: str, uid: int) -> list[Denial]:
    """Read what filters have denied to a user."""
    line = re.compile(rf"type=1326 audit\((\d+\.\d+):\d+\).* uid={uid} .* arch=([0-9a-f]+) syscall=(\d+) ")
    return [Denial(float(at), int(arch, 16), int(number)) for at, arch, number in line.findall(kernel_log)]


def call_name(denial: Denial) -> str:
    """Return the call's name, by libseccomp, which engines bring along; its number elsewhere."""
    with suppress(OSError, AttributeError):
        resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_num_arch
        resolve.argtypes, resolve.restype = [ctypes.c_uint32, ctypes.c_int], ctypes.c_char_p
        name = resolve(denial.architecture, denial.number)
        if name is not None:
            return str(name.decode())
    return f"call {denial.number}"


def holders(published: Mapping[int, str]) -> dict[int, Holder]:
    """Return who has each port, by ``published`` (port → container) and the machine's sockets."""
    held: dict[int, Holder] = {}
    for port in PORTS:
        if port in published:
            held[port] = Holder("container", published[port])
    with suppress(psutil.AccessDenied):
        for connection in psutil.net_connections("tcp"):
            port = connection.laddr.port if connection.laddr else 0
            if port in PORTS and connection.status == psutil.CONN_LISTEN and connection.laddr.ip in _CLASHING:
                held.setdefault(port, Holder("process", _process(connection.pid)))
    return dict(sorted(held.items()))


def _process(pid: int | None) -> str:
    if pid is None:
        return "of another user (`sudo lsof -i` tells which)"
    try:
        return f"{psutil.Process(pid).name()} ({pid})"
    except psutil.Error:
        return str(pid)


def _kernel_log() -> str:
    """Return the log of the machine's kernel; nothing where this user may not read it."""
    try:
        done = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace", check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _seconds(moment: str) -> float:
    """Seconds since the epoch of a time as the engine writes it, with up to nine digits behind the point."""
    whole = datetime.fromisoformat(moment[:19]).replace(tzinfo=UTC)
    return whole.timestamp()
