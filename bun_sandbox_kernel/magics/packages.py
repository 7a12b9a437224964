"""npm packages: a short-lived sandbox that has a network installs them for the one that has none."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

from .. import packages, views
from ..dependencies import declared
from ..engines import Progress
from ..errors import UsageError
from ..installer import install
from ..packages import Downloaded, Installed, Listed
from ..progress import ProgressDisplay
from ..session import Session
from ..sizes import size
from .call import Arguments, Call

_SECONDS = 300.0
"""Longest installation, unless %timeout says another."""
_COMMANDS = ("add", "remove", "list", "outdated", "install")
_USAGE = "Usage: %bun add NAME[@VERSION] … | remove NAME … | list | outdated | install"


async def bun(call: Call) -> None:
    """Add npm packages to the sandbox, for cells to import.

    Usage: %bun add NAME[@VERSION] … | remove NAME … | list | outdated | install

    For example: %bun add zod@4 lodash-es
    install adds what the notebook's metadata or package.json beside it declares as dependencies.
    """
    policy = call.place.settings.policy()
    packages.require_on(policy)
    command, names = _arguments(call)
    if command == "install":
        where, wanted = declared(Path.cwd(), os.environ.get("JPY_SESSION_NAME", ""))
    else:
        where, wanted = "", {}
    session = await call.place.session()
    if command == "list":
        _list(call, session)
        return
    if command == "remove":
        packages.require(names, session.packages)
    done = await _install(call, session, packages.program(command, names, policy, wanted))
    if isinstance(done, Listed):
        _list_outdated(call, done)
        return
    session.packages = done.packages
    if command == "add":
        direct = {package.name: package.version for package in done.packages if package.direct}
        call.say(
            f'To have them again with `%bun install`, put "dependencies": {json.dumps(direct)} into package.json.\n'
        )
    elif where:
        call.say(f"What {where} declares is installed.\n")


def _arguments(call: Call) -> tuple[str, list[str]]:
    parser = Arguments(call)
    parser.usage = _USAGE.removeprefix("Usage: ").replace("%", "%%")
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("names", nargs="*")
    given = parser.read()
    if given.command in {"add", "remove"}:
        return given.command, packages.specs(given.names, _USAGE)
    if given.names:
        raise UsageError(f"%bun {given.command} takes no names.", _USAGE)
    return given.command, []


async def _install(call: Call, session: Session, program: str) -> Installed | Listed:
    settings = call.place.settings
    seconds = settings.timeout_ms / 1000 or _SECONDS
    display = ProgressDisplay(call.place.show)
    display.show(Progress("Asking the registry"))
    end = "Nothing was changed."
    try:
        done = await install(session, settings.policy(), program, seconds, partial(_report, display))
        end = packages.sentence(session.packages, done)
        return done
    finally:
        display.finish(end)


def _report(display: ProgressDisplay, done: Downloaded) -> None:
    if done.packages:
        display.show(Progress(f"Packages that have arrived: {done.packages}, {size(done.bytes)}"))


def _list(call: Call, session: Session) -> None:
    if session.packages:
        call.display(views.packages.installed(session.packages))
    else:
        call.say("No packages are installed; `%bun add NAME` adds one.\n")


def _list_outdated(call: Call, found: Listed) -> None:
    if found.packages:
        call.display(views.packages.outdated(found.packages))
