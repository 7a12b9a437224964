"""Lines that begin with ``%``: what the kernel itself is told. A table, name → function; its docstring is its help.

Law: a magic that does not exist is an error that names the nearest; one that is misused changes nothing.
"""

from __future__ import annotations

import inspect
from difflib import get_close_matches

from ..errors import FileError, UsageError
from . import content, files, foreign, packages, sandbox, session, stats, timing
from .call import Call, Place, Run, Settings
from .parts import HELP, SHELL, Part, Program, Spell, name_at, name_before
from .parts import parts as _parts
from .parts import program_of as _program_of

__all__ = [
    "MAGICS",
    "Place",
    "Program",
    "Settings",
    "Spell",
    "documentation",
    "matches",
    "name_at",
    "name_before",
    "parts",
    "perform",
    "program_of",
]


async def lsmagic(call: Call) -> None:
    """List the magics.

    Usage: %lsmagic
    """
    width = max(map(len, MAGICS))
    lines = [f"{name:{width}}  {_summary(name)}" for name in matches("%")]
    call.say("\n".join(lines) + "\n\n`%magic?` tells more about one.\n")


MAGICS: dict[str, Run] = {
    "%lsmagic": lsmagic,
    "%timeout": timing.timeout,
    "%time": timing.time,
    "%%time": timing.time_cell,
    "%timeit": timing.timeit,
    "%%timeit": timing.timeit_cell,
    "%%html": content.html,
    "%%markdown": content.markdown,
    "%%svg": content.svg,
    "%files": files.listing,
    "%upload": files.upload,
    "%download": files.download,
    "%%writefile": files.writefile,
    "%run": files.run,
    "%load": files.load,
    "%bun": packages.bun,
    "%vars": session.variables,
    "%who": session.who,
    "%env": session.env,
    "%sandbox_health": sandbox.health,
    "%sandbox_info": sandbox.info,
    "%sandbox_limits": sandbox.limits,
    "%sandbox_logs": sandbox.logs,
    "%sandbox_reset": sandbox.reset,
    "%sandbox_restart": sandbox.restart,
    "%sandbox_stats": stats.stats,
}


def parts(cell: str) -> list[Part]:
    """Cut a cell into programs and magics, in their order."""
    return _parts(cell, MAGICS)


def program_of(cell: str) -> str:
    """Return a cell without its magics, every line in its place."""
    return _program_of(cell, MAGICS)


async def perform(spell: Spell, place: Place) -> None:
    """Do what one magic says. Raises UsageError for one that does not exist, and what the magic raises."""
    if spell.name == HELP:
        text = documentation(_existing(spell.argument))
        place.payload.append({"source": "page", "data": {"text/plain": text}, "start": 0})
    elif spell.name == SHELL:
        raise foreign.shell(spell.argument)
    else:
        name = _existing(spell.name)
        try:
            await MAGICS[name](Call(place, spell))
        except FileError as error:
            raise FileError(error.message, f"{error.remedy} {_usage(name)}") from error


def documentation(name: str) -> str:
    """Return the help of a magic that exists."""
    return f"{name}: {inspect.cleandoc(MAGICS[name].__doc__ or '')}\n"


def matches(start: str) -> list[str]:
    """Return the names that begin so."""
    return sorted((name for name in MAGICS if name.startswith(start)), key=_by_name)


def _existing(name: str) -> str:
    if name in MAGICS:
        return name
    if explained := foreign.magic(name):
        raise explained
    (nearest, *_) = [*get_close_matches(name, MAGICS, cutoff=0.5), "%lsmagic"]
    raise UsageError(
        f"There is no magic {name[:40]}.",
        f"Did you mean {nearest}?" if nearest != "%lsmagic" else "`%lsmagic` lists them.",
    )


def _summary(name: str) -> str:
    return documentation(name).split("\n")[0].removeprefix(f"{name}: ")


def _usage(name: str) -> str:
    return next(line for line in documentation(name).split("\n") if line.startswith("Usage: "))


def _by_name(name: str) -> tuple[str, str]:
    return name.lstrip("%"), name
