"""Lines at the head of a cell that begin with ``%``: what the kernel itself is told. A table, name → function.

Law: what follows them keeps its line numbers; a magic that does not exist is an error that names the nearest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from . import limits
from .errors import UsageError
from .policy import SandboxPolicy

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|)")
_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "": 1000.0}
_MAX_MS = 2**31 - 1


@dataclass(slots=True)
class Settings:
    """What magics change, for this cell and the ones behind it."""

    timeout_ms: int = 0
    """Longest run of one cell; 0 for the sandbox's own limit alone."""
    policy: Callable[[], SandboxPolicy] = SandboxPolicy
    """What holds for the sandbox that runs, or comes next."""


def run(code: str, settings: Settings) -> tuple[str, str]:
    """Obey the magics at the head of a cell; return what they say, and the program behind them.

    Raises UsageError for a magic that does not exist or an argument that it does not take.
    """
    lines = code.split("\n")
    said = ""
    for index, line in enumerate(lines):
        text = line.strip()
        if text and not text.startswith("%"):
            break
        if text:
            name, _, argument = text.partition(" ")
            said += _find(name)(argument.strip(), settings)
            lines[index] = ""
    return said, "\n".join(lines)


def program_of(code: str) -> str:
    """Return a cell without its magics, for those who only look at it."""
    return "\n".join("" if line.lstrip().startswith("%") else line for line in code.split("\n"))


def timeout(argument: str, settings: Settings) -> str:
    """``%timeout 5s``: end a cell that runs longer, its variables kept. ``ms``, ``s``, ``m``; ``off`` for no limit."""
    if argument:
        settings.timeout_ms = 0 if argument == "off" else _milliseconds(argument)
    if settings.timeout_ms == 0:
        return "Cells have no time limit beside the sandbox's own.\n"
    return f"Cells may run {settings.timeout_ms / 1000:g} s.\n"


def sandbox_limits(argument: str, settings: Settings) -> str:
    """``%sandbox_limits``: what limits the sandbox, and by which variable it is set."""
    if argument:
        raise UsageError(
            f"%sandbox_limits does not take {argument[:40]!r}.", "Limits are set before the kernel starts."
        )
    return limits.as_text(settings.policy())


MAGICS: dict[str, Callable[[str, Settings], str]] = {"%timeout": timeout, "%sandbox_limits": sandbox_limits}


def _find(name: str) -> Callable[[str, Settings], str]:
    magic = MAGICS.get(name)
    if magic is None:
        (nearest, *_) = [*get_close_matches(name, MAGICS), *MAGICS]
        raise UsageError(f"There is no magic {name[:40]}.", f"Did you mean {nearest}?")
    return magic


def _milliseconds(argument: str) -> int:
    found = _DURATION.fullmatch(argument)
    milliseconds = float(found[1]) * _MS[found[2]] if found else 0.0
    if not 1 <= milliseconds <= _MAX_MS:
        raise UsageError(f"%timeout does not take {argument[:40]!r}.", "Give a duration such as 500ms, 5s, 2m or off.")
    return int(milliseconds)
