"""How long cells may run, and how long they do."""

from __future__ import annotations

import re
from pathlib import Path

from ..durations import duration
from ..errors import UsageError
from .call import Call

_TIMEIT = Path(__file__).with_name("timeit.ts")
"""A program with words in capitals to be filled in. The user's code stands on its first line, to keep its number."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|)")
_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "": 1000.0}
_MAX_MS = 2**31 - 1


async def timeout(call: Call) -> None:
    """End cells that run longer than so, their variables kept.

    Usage: %timeout [DURATION | off]

    A duration is a number with ms, s or m behind it; s where nothing is. Without one, it says what holds.
    """
    settings = call.place.settings
    if call.argument:
        settings.timeout_ms = 0 if call.argument == "off" else _milliseconds(call)
    if settings.timeout_ms == 0:
        call.say("Cells have no time limit beside the sandbox's own.\n")
    else:
        call.say(f"Cells may run {settings.timeout_ms / 1000:g} s.\n")


def _milliseconds(call: Call) -> int:
    found = _DURATION.fullmatch(call.argument)
    milliseconds = float(found[1]) * _MS[found[2]] if found else 0.0
    if not 1 <= milliseconds <= _MAX_MS:
        raise call.refuse("Give a duration such as 500ms, 5s, 2m or off.")
    return int(milliseconds)


async def time(call: Call) -> None:
    """Run a line, and say what time it took.

    Usage: %time CODE
    """
    if not call.argument:
        raise UsageError("%time has nothing to run.", "Write the code behind it, or a cell below %%time.")
    await _timed(call, call.in_place(call.argument))


async def time_cell(call: Call) -> None:
    """Run the cell, and say what time it took.

    Usage: %%time
    """
    first = call.in_place(call.argument) if call.argument else call.in_place("")
    await _timed(call, f"{first}\n{call.body}")


async def _timed(call: Call, code: str) -> None:
    end = await call.place.run(code)
    call.say(f"CPU time: {duration(end.cpu_ms / 1000)}\nWall time: {duration(end.wall_ms / 1000)}\n")


async def timeit(call: Call) -> None:
    """Run a line many times, and say how long it takes.

    Usage: %timeit [-n LOOPS] [-r RUNS] CODE

    -n LOOPS   so often in a row; chosen so that a run takes at least 0.2 s where it is not given
    -r RUNS    so many runs; 7
    """
    loops, runs, code = _timeit_arguments(call)
    if not code:
        raise UsageError("%timeit has nothing to run.", "Write the code behind it, or a cell below %%timeit.")
    await call.place.run(call.in_place(_timeit_program("", code, loops, runs)))


async def timeit_cell(call: Call) -> None:
    """Run the cell many times, and say how long it takes.

    Usage: %%timeit [-n LOOPS] [-r RUNS] [SETUP]

    -n LOOPS   so often in a row; chosen so that a run takes at least 0.2 s where it is not given
    -r RUNS    so many runs; 7
    SETUP      runs before each run, and is not measured
    """
    loops, runs, setup = _timeit_arguments(call)
    if not call.body.strip():
        raise UsageError("%%timeit has nothing to run.", "Write the code below it.")
    await call.place.run(call.in_place(_timeit_program(setup, "\n" + call.body, loops, runs)))


_TIMEIT_OPTION = re.compile(r"-(?P<name>[nr])\s*(?P<value>\S*)\s*")
_MOST_RUNS = 1_000
_MOST_LOOPS = 10**9


def _timeit_arguments(call: Call) -> tuple[int, int, str]:
    """Return loops (0: to be chosen), runs, and what stands behind the options."""
    found, rest = {"n": 0, "r": 7}, call.argument
    while match := _TIMEIT_OPTION.match(rest):
        name, value = match["name"], match["value"]
        most = _MOST_LOOPS if name == "n" else _MOST_RUNS
        if not value.isdecimal() or not 1 <= int(value) <= most:
            raise UsageError(f"{call.name} -{name} is {value[:20]!r}.", f"Give a whole number from 1 to {most}.")
        found[name] = int(value)
        rest = rest[match.end() :]
    if rest.startswith("-") and not rest.startswith("--") and re.match(r"-[A-Za-z]\b", rest):
        raise UsageError(f"{call.name} has no option {rest[:2]}.", f"`{call.name}?` lists them.")
    return found["n"], found["r"], rest


def _timeit_program(setup: str, code: str, loops: int, runs: int) -> str:
    """Return a program that measures in the worker, where nothing but the loop itself is counted."""
    waits = re.search(r"\bawait\b", setup + code) is not None
    filled = {
        "ASYNC": "async" if waits else "",
        "WAIT": "await" if waits else "",
        "LOOPS": str(loops),
        "RUNS": str(runs),
        "SETUP": setup,
        "CODE": code,
    }
    return re.sub(r"\b(" + "|".join(filled) + r")\b", lambda found: filled[found[0]], _TIMEIT.read_text("utf-8"))
