"""The sandbox itself: how it is, what limits it, and a new one in its place."""

from __future__ import annotations

import asyncio
from dataclasses import fields

from .. import limits as table
from .. import selfcheck, views
from ..errors import UsageError
from ..health import ago, examine
from ..policy import SandboxPolicy, settings
from ..selfcheck import Proven
from ..session import Session
from .call import Call

_LIVE = frozenset(
    {
        *("memory_bytes", "cpus", "pids", "max_execution_ms", "max_output_bytes"),
        *("registry", "minimum_release_age_s", "packages_bytes"),  # of the next installation
    }
)
"""What can be changed while a sandbox runs."""
_MOST_LINES = 1_000
_GONE = "All variables and files of the one before are gone.\n"


async def health(call: Call) -> None:
    """Show how the sandbox is, whether every limit holds, and what to do where something is wrong.

    Usage: %sandbox_health
    """
    _takes_nothing(call)
    call.display(views.health.bundle(await examine(call.place.lease)))


async def info(call: Call) -> None:
    """Say in short which sandbox this is.

    Usage: %sandbox_info
    """
    _takes_nothing(call)
    proven = await call.proven()
    vitals = await (await call.place.session()).health()
    call.say(
        f"Sandbox {proven.sandbox.id[:12]}, started {ago(proven.started)}: Bun {vitals.bun}, "
        f"image of version {vitals.version}.\n"
        "Cells run in /sandbox/code. `%sandbox_health` and `%sandbox_limits` tell more.\n"
    )


async def logs(call: Call) -> None:
    """Print the last lines that the supervisor has logged.

    Usage: %sandbox_logs [LINES]

    20 lines where no number is given.
    """
    lines = call.argument or "20"
    if not lines.isdecimal() or not 1 <= int(lines) <= _MOST_LINES:
        raise call.refuse(f"Give a whole number of lines from 1 to {_MOST_LINES}.")
    session = await call.place.session()
    text = await asyncio.to_thread(session.sandbox.logs, int(lines))
    call.say(text if text.strip() else "The supervisor has logged nothing.\n")


async def restart(call: Call) -> None:
    """Take a fresh sandbox; all variables and files of this one are gone.

    Usage: %sandbox_restart
    """
    _takes_nothing(call)
    session = await call.place.lease.restart()
    call.say(f"This is a fresh sandbox, {session.sandbox.id[:12]}. {_GONE}")


async def reset(call: Call) -> None:
    """Forget all variables; the files in the sandbox stay.

    Usage: %sandbox_reset
    """
    _takes_nothing(call)
    await (await call.place.session()).reset()
    call.say("All variables are gone; files stay.\n")


async def limits(call: Call) -> None:
    """Show what limits the sandbox, or change it within what the machine allows.

    Usage: %sandbox_limits [NAME=VALUE ...]

    For example: %sandbox_limits memory=512m cpus=1
    Memory, processor, processes, time and output change at once; anything else needs a fresh sandbox, and asks first.
    """
    place = call.place
    if call.argument:
        await _change(call, {**place.settings.asked, **_pairs(call)})
    call.say(table.as_text(place.settings.policy()))


def _takes_nothing(call: Call) -> None:
    if call.argument:
        raise call.refuse(f"Usage: {call.name}")


def _pairs(call: Call) -> dict[str, str]:
    known = settings()
    pairs = {}
    for word in call.argument.split():
        name, equals, value = word.partition("=")
        if name not in known:
            raise UsageError(f"There is no limit {name[:40]!r}.", f"There are {', '.join(known)}.")
        if not equals or not value:
            raise UsageError(f"{name} has no value.", f"Usage: %sandbox_limits {name}=VALUE, {known[name].allowed}.")
        known[name].read(value)
        pairs[known[name].variable] = value
    return pairs


async def _change(call: Call, asked: dict[str, str]) -> None:
    """Make what is asked for hold, wholly or not at all. Raises PolicyError and what the engine raises."""
    place = call.place
    policy = place.settings.allowed(asked)
    proven = await call.proven()
    changed = _differences(proven.policy, policy)
    if changed <= _LIVE:
        place.lease.proven = await _changed(await place.session(), proven, policy)
        place.settings.asked = asked
        return
    names = ", ".join(name for name, setting in settings().items() if setting.field in changed - _LIVE)
    given_up = [said for said in policy.weakened if said not in proven.policy.weakened]
    warning = f"This gives a protection up: {'; '.join(given_up)}. " if given_up else ""
    question = (
        f"{warning}To change {names}, a fresh sandbox has to be started, and all variables and files are lost. Go on?"
    )
    if not await place.confirm(question):
        raise UsageError("Nothing was changed.", "Run it again and say y, or set it before the kernel starts.")
    place.settings.asked = asked
    session = await place.lease.restart()
    call.say(f"This is a fresh sandbox, {session.sandbox.id[:12]}. {_GONE}")


async def _changed(session: Session, proven: Proven, policy: SandboxPolicy) -> Proven:
    """Change what the engine and the supervisor enforce, and prove it from inside; what fails is taken back."""
    try:
        await _limit(session, policy)
        lines = await asyncio.to_thread(selfcheck.prove, session.sandbox, policy, "that runs this sandbox")
    except Exception:
        await _limit(session, proven.policy)
        raise
    return proven._replace(policy=policy, lines=lines)


async def _limit(session: Session, policy: SandboxPolicy) -> None:
    await asyncio.to_thread(session.sandbox.limit, policy)
    await session.limit(policy)


def _differences(old: SandboxPolicy, new: SandboxPolicy) -> set[str]:
    return {line.name for line in fields(SandboxPolicy) if getattr(old, line.name) != getattr(new, line.name)}
