"""What may stand in the way of the container ``bun-sandbox``, which serves without a kernel (docker/README.md).

Judging is pure; what is judged comes from the engine, the machine's sockets and its kernel's log.
"""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import httpx
import psutil

from .checks import Check
from .engines import docker_standalone
from .last_words import MEMORY, SECCOMP, STARVED, failed_worker, last_words, remedy_of_end, remedy_of_words
from .names import visible
from .policy import SandboxPolicy

NAME = "bun-sandbox"
PORTS = (9998, 9999)
_CLASHING = {"127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"}
_LAST_LINES = 100
_RESTART_S = 0.1
"""Docker waits as long before it starts a container again, and writes down that it has a moment after."""
_ANSWER_S = 2
_BOUNDS_SIGNALS = 6
"""The version of Landlock since which signals are within the bounds (LANDLOCK_SCOPE_SIGNAL in landlock(7))."""
_UP = {"running", "paused"}

NEIGHBOURS = (
    "Start it with the seccomp-profile.json of this version, on Linux 6.12 or later with landlock among its security "
    "modules (lsm=); until then let nobody in whom the others do not trust."
)


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
    health = _health(described)
    if not health and described["State"]["Status"] == "running" and described.get("RestartCount"):
        # Between two ends, most likely: what it says is of the one before.
        described = {**described, "State": {**described["State"], "Status": "restarting"}}
    begun_s = _seconds(described["State"]["StartedAt"])
    events, words = docker_standalone.last_lines(NAME, _LAST_LINES, begun_s - _RESTART_S)
    yield check_container(described, words)
    yield from check_workers(events)
    yield from check_apart(health)
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


def check_container(described: Mapping[str, Any], words: str) -> Check:
    """Judge the engine's description of the container, and the end of what its last run said."""
    state = described["State"]
    out_of_memory = bool(state.get("OOMKilled"))
    if state["Status"] in _UP:
        if out_of_memory:
            return Check("warn", f"container: {NAME} is up, and has run out of memory before", MEMORY)
        if state["Status"] == "paused":
            return Check(
                "warn", f"container: {NAME} is paused, and answers nobody", f"Go on with `docker unpause {NAME}`."
            )
        return Check("ok", f"container: {NAME} is running")
    code, error, said = state.get("ExitCode", 0), state.get("Error", ""), last_words(words)
    shown = _together([error, *said] if error else said)
    return Check(
        "warn",
        f"container: {NAME} is {state['Status']}, with exit status {code}"
        f"{', out of memory' if out_of_memory else ''}{f', and said: {shown}' if shown else ''}",
        remedy_of_end(code, error, said, is_out_of_memory=out_of_memory, is_restarting=state["Status"] == "restarting"),
    )


def check_workers(events: str) -> Iterator[Check]:
    """Tell of workers that could not start, by the container's log; nothing where it tells of none."""
    failed = failed_worker(events)
    if failed is not None:
        said = f"one said: {_together(failed.said)}" if failed.said else "said nothing"
        text = f"workers: they could not start at {visible(failed.time)}, and {said}"
        yield Check("warn", text, remedy_of_words(failed.said, STARVED))


def _together(lines: Sequence[str]) -> str:
    return " / ".join(map(visible, lines))


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
                holder = Holder("process", _process(connection.pid))
                # The engine's own, of a container that has just come or gone.
                if not holder.name.startswith("docker-proxy "):
                    held.setdefault(port, holder)
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
    return datetime.fromisoformat(moment).timestamp()
