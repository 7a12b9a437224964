"""A short-lived sandbox that installs packages for another: the same image and policy, and a network.

Law: nobody's code runs in it but ours, and it is ended whatever happens: at the end, an interrupt, or the deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from . import packages
from .errors import InstallFailed, SandboxDied, SandboxError
from .launch import Launch
from .lease import Lease
from .packages import Downloaded, Installed, Listed
from .policy import MIB, SandboxPolicy
from .session import Session
from .wire import End, Error, LateEvent, Stream

_REPORT_SECONDS = 0.2


async def install(
    session: Session, policy: SandboxPolicy, program: str, seconds: float, report: Callable[[Downloaded], None]
) -> Installed | Listed:
    """Run a program of ``packages.program`` for the session's sandbox; ``report`` hears how far it is.

    Raises InstallFailed, and what starting a sandbox raises; then the packages are those of before.
    """
    # With a network, it gets nothing of the user's to read.
    own = replace(policy, network="internet", mount_notebook_dir="none", max_output_bytes=8 * MIB)
    installer = Lease(Launch(own, session.sandbox.id), lambda: own, _ignore)
    try:
        async with asyncio.timeout(seconds):
            return await _run(await installer.open(), policy, program, report)
    except SandboxError as error:
        if not error.state_lost:
            raise
        raise InstallFailed(f"The installation failed: {error.message}", "Try again.") from error
    except TimeoutError:
        raise InstallFailed(
            f"The installation took longer than {seconds:g} s, so it was ended.",
            f"Check that the registry {policy.registry} answers, and try again: what has arrived is kept.",
        ) from None
    finally:
        await installer.close()


async def _run(
    installer: Session, policy: SandboxPolicy, program: str, report: Callable[[Downloaded], None]
) -> Installed | Listed:
    done: Installed | Listed | None = None
    rest = ""
    reported = 0.0
    async for event in installer.execute(program, color=False):
        match event:
            case Stream("stdout", text):
                *lines, rest = (rest + text).split("\n")
                for line in lines:
                    said = packages.decode(line, policy)
                    if not isinstance(said, Downloaded):
                        done = said
                    elif time.monotonic() - reported >= _REPORT_SECONDS:
                        reported = time.monotonic()
                        report(said)
            case Error(_, evalue):
                raise packages.explained(f"error: {evalue}", policy)
            case End("memory"):
                raise InstallFailed(
                    f"The installation needs more than the {policy.memory_bytes // MIB} MB of a sandbox.",
                    "Ask for more memory (`%sandbox_limits memory=512m`), or for fewer packages at once.",
                )
    if done is None:
        raise SandboxDied("The installer's sandbox ended without a word.")
    return done


async def _ignore(_: LateEvent) -> None:
    pass
