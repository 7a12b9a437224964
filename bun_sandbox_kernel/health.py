"""What can be said of a kernel's sandbox and its engine: sections of checks, each with a remedy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from . import LANGUAGE_VERSION
from .answers import Vitals
from .checks import Check
from .engines import Sandbox, Tcp
from .errors import SandboxError
from .lease import Lease, Loss
from .policy import SandboxPolicy
from .selfcheck import Proven
from .session import Session

_ANSWER_SECONDS = 2.0
_MANY_LOSSES = 3


@dataclass(frozen=True, slots=True)
class Section:
    """Some checks under a title."""

    title: str
    checks: tuple[Check, ...]


async def examine(lease: Lease) -> list[Section]:
    """Ask the sandbox, its engine and this machine. Starts nothing; raises nothing."""
    session, proven = lease.session, lease.proven
    around = asyncio.create_task(asyncio.to_thread(_installation))
    lost = _lost(lease.losses)
    if session is None or proven is None:
        sections = [Section("Sandbox", (Check("warn", "none runs", "The next cell starts one."), lost))]
    else:
        sections = [
            Section("Sandbox", (*await _answers(session, proven), lost)),
            Section("Limits, as found inside", judged(proven)),
            Section("Protection", _weakened(proven.policy)),
        ]
    return [*sections, Section("Engine and installation", await around)]


def _installation() -> tuple[Check, ...]:
    from . import doctor
    from .engines.docker import DockerEngine

    return tuple(doctor.examine(DockerEngine()))


async def _answers(session: Session, proven: Proven) -> list[Check]:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return [*_describe(proven, await session.health()), await asyncio.to_thread(_image, proven.sandbox)]
    except (SandboxError, TimeoutError) as error:
        silent = f"{session.sandbox.id[:12]} does not answer {error}".strip()
        return [Check("fail", silent, "Run `%sandbox_restart`.")]


def judged(proven: Proven) -> tuple[Check, ...]:
    """Return a check for each line of the self-check: one that may be missing, and is, is a warning."""
    return tuple(
        Check("ok", f"{line.name}: {line.found}")
        if line.holds
        else Check("warn", f"{line.name}: {line.found}", "It does not hold, and BUN_SANDBOX_ALLOW_MISSING allows that.")
        for line in proven.lines
    )


def degraded(proven: Proven | None, losses: Sequence[Loss]) -> str:
    """Return what is not as it should be, as one sentence that changes only when that does; empty for nothing."""
    said = [] if proven is None else [*proven.policy.weakened]
    said += [] if proven is None else [f"{line.name} does not hold" for line in proven.lines if not line.holds]
    if len(losses) >= _MANY_LOSSES:
        said.append(f"all variables were lost {_MANY_LOSSES} times or more")
    return "; ".join(said)


def _describe(proven: Proven, vitals: Vitals) -> list[Check]:
    sandbox = proven.sandbox
    endpoint = sandbox.endpoint
    transport = (
        f"TCP, port {endpoint.port} of {endpoint.host}" if isinstance(endpoint, Tcp) else "a private Unix socket"
    )
    return [
        Check("ok", f"{sandbox.id[:12]}, started {ago(proven.started)}, reached by {transport}"),
        Check("ok", f"Bun {vitals.bun}, TypeScript {LANGUAGE_VERSION}, supervisor {vitals.version}"),
    ]


def _image(sandbox: Sandbox) -> Check:
    try:
        return Check("ok", f"image {sandbox.image()}")
    except SandboxError as error:
        return Check("warn", f"which image it runs is not known: {error.message}", error.remedy)


def _lost(losses: Sequence[Loss]) -> Check:
    if not losses:
        return Check("ok", "variables have never been lost")
    last = losses[-1]
    times = "once" if len(losses) == 1 else f"{len(losses)} times"
    return Check(
        "warn",
        f"variables were lost {times}, last {ago(last.time)}: {last.why}",
        "A cell that needs more than it may have can be given more; see `%sandbox_limits`.",
    )


def _weakened(policy: SandboxPolicy) -> tuple[Check, ...]:
    if not policy.weakened:
        return (Check("ok", "nothing is weakened: no network, system calls filtered, every limit required"),)
    remedy = "Unset BUN_SANDBOX_NETWORK, BUN_SANDBOX_SECCOMP and BUN_SANDBOX_ALLOW_MISSING, and restart the kernel."
    return tuple(Check("fail", said, remedy) for said in policy.weakened)


def ago(then: float) -> str:
    """Return how long ago a time was, in seconds since the epoch, in words."""
    seconds = max(0, round(time.time() - then))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
