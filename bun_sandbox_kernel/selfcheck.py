"""The proof that a sandbox is what the policy says, taken from inside before any user code has run there.

Law: whatever the engine claims, a sandbox in which a line of the policy does not hold is ended, unless the policy
allows that line by name. Judging is pure; ``start`` is its edge, blocking and on the start-up path.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import sizes
from .engines import Endpoint, Engine, Report, Sandbox, Unix
from .errors import PeerError, StartFailed
from .fields import Fields
from .policy import UNCONFINED, SandboxPolicy

_ANSWER_SECONDS = 5.0
_MAX_BYTES = 1 << 16
_DEVICES = frozenset({"console", "full", "null", "ptmx", "random", "tty", "urandom", "zero"})
"""Devices of every container (https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md)."""
_FILTERED = 2
"""``SECCOMP_MODE_FILTER`` of seccomp(2)."""


class Line(NamedTuple):
    """One line of the policy: its name, whether it holds, and what was found in the sandbox."""

    name: str
    holds: bool
    found: str


class Proven(NamedTuple):
    """A sandbox, the policy that it was started by, and what was found in it before anybody used it."""

    sandbox: Sandbox
    policy: SandboxPolicy
    lines: list[Line]
    started: float
    """Seconds since the epoch."""


def start(engine: Engine, policy: SandboxPolicy, report: Report, packages_of: str = "") -> Proven:
    """Start a sandbox in which every line holds. Raises what ``Engine.start`` raises; then nothing is left behind."""
    sandbox = engine.start(policy, report, packages_of)
    try:
        return Proven(sandbox, policy, prove(sandbox, policy, engine.name), time.time())
    except BaseException:
        sandbox.stop()
        raise


def prove(sandbox: Sandbox, policy: SandboxPolicy, engine: str) -> list[Line]:
    """Ask a sandbox that nobody has used what holds in it. Raises StartFailed and PeerError."""
    facts = Fields.parse(_ask(sandbox.endpoint, sandbox.secret))
    _require_readable(facts, policy)
    lines = judge(facts, policy, private=isinstance(sandbox.endpoint, Unix))
    _require(lines, policy, engine)
    return lines


def judge(facts: Fields, policy: SandboxPolicy, *, private: bool) -> list[Line]:
    """Hold what ``GET /self_check`` answers against the policy; a private sandbox has no network. Raises PeerError."""
    uids, gids = _numbers(facts, "uids"), _numbers(facts, "gids")
    capabilities, interfaces, devices = facts.texts("capabilities"), facts.texts("interfaces"), facts.texts("devices")
    new_privileges, mode = not facts.flag("no_new_privs"), facts.integer("seccomp")
    denied, unfiltered = facts.flag("denied_call"), policy.seccomp_profile == UNCONFINED
    memory, swap = _limit(facts, "memory_bytes"), _limit(facts, "swap_bytes")
    cpus, pids = _limit(facts, "cpus"), _limit(facts, "pids")
    foreign = sorted({*devices} - _DEVICES)
    return [
        Line("user", {*uids, *gids} == {policy.uid}, f"user {_all(uids)} and group {_all(gids)}"),
        Line("capabilities", not capabilities, ", ".join(capabilities) or "none"),
        Line("no_new_privs", not new_privileges, "privileges can be gained" if new_privileges else "set"),
        Line(
            "seccomp",
            unfiltered or (mode == _FILTERED and denied),
            f"mode {mode}, a forbidden call {'fails' if denied else 'works'}",
        ),
        *_mounted(facts, policy),
        Line("memory", _within(memory, policy.memory_bytes), _bytes(memory)),
        Line("swap", swap == 0, _bytes(swap)),
        Line("cpus", _within(cpus, policy.cpus), "no limit" if cpus is None else f"{cpus:g} cores"),
        Line("pids", _within(pids, policy.pids), "no limit" if pids is None else f"{pids:g} processes and threads"),
        Line(
            "network",
            policy.network != "none" or not private or set(interfaces) <= {"lo"},
            ", ".join(interfaces) or "no interface",
        ),
        Line("devices", not foreign, ", ".join(foreign) or "the standard ones"),
    ]


def _mounted(facts: Fields, policy: SandboxPolicy) -> Iterator[Line]:
    mounts = {mount.text("path"): mount for mount in facts.objects("mounts")}
    root = mounts.get("/")
    read_only = root is not None and "ro" in root.texts("options")
    yield Line("root", read_only, "read-only" if read_only else "writable")
    largest = {"/tmp": policy.tmp_bytes, "/sandbox/code": policy.code_bytes, "/dev/shm": policy.shm_bytes}
    for path, most in largest.items():
        mount = mounts.get(path)
        name = path.rpartition("/")[2]
        if mount is None:
            yield Line(name, holds=False, found="not mounted")
            continue
        kind, flags = mount.text("type"), set(mount.texts("options"))
        size, inodes = mount.integer("bytes"), mount.integer("inodes")
        holds = kind == "tmpfs" and flags >= {"noexec", "nosuid", "nodev"}
        holds = holds and 0 < size <= most and 0 < inodes <= policy.tmpfs_inodes
        yield Line(name, holds, f"{kind} of {sizes.size(size)} and {inodes} files, {','.join(sorted(flags))}")
    yield _notebook(mounts, policy)


def _notebook(mounts: Mapping[str, Fields], policy: SandboxPolicy) -> Line:
    """Judge the notebook's folder, and whatever is mounted within it."""
    options = {path: mount.texts("options") for path, mount in mounts.items() if path.startswith("/notebook")}
    if policy.mount_notebook_dir == "none":
        return Line("notebook", not options, "mounted" if options else "not mounted")
    writable = [path for path, flags in options.items() if "ro" not in flags]
    found = f"{', '.join(writable)} is writable" if writable else "read-only" if options else "not mounted"
    return Line("notebook", "/notebook" in options and not writable, found)


def _require_readable(facts: Fields, policy: SandboxPolicy) -> None:
    """Raise StartFailed for a notebook's folder that is mounted for nothing."""
    for mount in facts.objects("mounts"):
        if mount.text("path") == "/notebook" and not mount.flag("readable"):
            raise StartFailed(
                f"The sandbox's user, {policy.uid}, cannot read the notebook's folder {Path.cwd()}.",
                "Let others read it (`chmod o+rx`), or set BUN_SANDBOX_MOUNT_NOTEBOOK_DIR=none.",
            )


def _require(lines: list[Line], policy: SandboxPolicy, engine: str) -> None:
    missing = [line for line in lines if not line.holds and line.name not in policy.allow_missing]
    if missing:
        found = "; ".join(f"{line.name}: {line.found}" for line in missing)
        raise StartFailed(
            f"The engine {engine} did not apply what the policy says ({found}).",
            "Mend the engine (`bun-sandbox doctor` says how), or set BUN_SANDBOX_ALLOW_MISSING="
            f"{','.join(line.name for line in missing)} to go on without.",
        )


def _ask(endpoint: Endpoint, secret: str) -> str:
    connection = http.client.HTTPConnection("sandbox")
    try:
        unix = isinstance(endpoint, Unix)
        connection.sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        connection.sock.settimeout(_ANSWER_SECONDS)
        connection.sock.connect(str(endpoint.path) if isinstance(endpoint, Unix) else (endpoint.host, endpoint.port))
        connection.request("GET", "/self_check", headers={"Authorization": f"Bearer {secret}"})
        answer = connection.getresponse()
        content = answer.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise StartFailed(f"The sandbox did not say what holds in it: {error}.", "Try again.") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise StartFailed(f"The sandbox did not say what holds in it ({answer.status}).", "Rebuild the image.")
    return content.decode("utf-8", "replace")


def _all(ids: list[int]) -> str:
    return "/".join(map(str, dict.fromkeys(ids)))


def _bytes(number: float | None) -> str:
    return "no limit" if number is None else sizes.size(int(number))


def _numbers(facts: Fields, name: str) -> list[int]:
    values = facts.values.get(name)
    if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
        raise PeerError(f"The sandbox sent a self-check without a proper {name!r}.")
    return values


def _limit(facts: Fields, name: str) -> float | None:
    value: Any = facts.values.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise PeerError(f"The sandbox sent a self-check without a proper {name!r}.")


def _within(found: float | None, most: float) -> bool:
    return found is not None and 0 < found <= most
