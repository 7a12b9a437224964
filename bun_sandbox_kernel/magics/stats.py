"""What the sandbox uses, and what cells took."""

from __future__ import annotations

import argparse
import uuid

from .. import views
from ..cost import REMEMBERED_CELLS
from .call import Arguments, Call

_SECONDS = (0.5, 60.0)


async def stats(call: Call) -> None:
    """Show what the sandbox uses of its limits, as the engine measures it.

    Usage: %sandbox_stats [--cells [N] | --live [--interval S] | on | off]

    --cells [N]    show what the last N cells took; 10
    --live         show figures that move, with buttons to start and stop them
    --interval S   so many seconds between two of them, from 0.5 to 60; 1
    on, off        say below each cell what it took, or no longer
    """
    asked = _arguments(call)
    place = call.place
    if asked.switch is not None:
        place.settings.footer = asked.switch == "on"
        call.say("Each cell says what it took.\n" if place.settings.footer else "Cells do not say what they took.\n")
    elif asked.cells is not None:
        call.display(views.stats.cells([*place.costs][-asked.cells :]))
    elif asked.live:
        await _live(call, asked.interval or 1.0)
    else:
        proven = await call.proven()
        usage = await place.monitor.measure(proven)
        call.display(views.stats.usage([usage], proven.policy, place.costs))


async def _live(call: Call, interval_s: float) -> None:
    from ..panel import Panel

    place = call.place
    panel = Panel(place.monitor, place.lease, place.costs, interval_s)
    await panel.first(await call.proven())
    call.display(panel.buttons(), uuid.uuid4().hex)
    call.display(panel.picture(), panel.id)
    panel.start()


def _arguments(call: Call) -> argparse.Namespace:
    arguments = Arguments(call)
    arguments.usage = "%(prog)s [--cells [N] | --live [--interval S] | on | off]"
    one = arguments.add_mutually_exclusive_group()
    one.add_argument("--cells", nargs="?", const=10, type=_count, metavar="N")
    one.add_argument("--live", action="store_true")
    one.add_argument("switch", nargs="?", choices=("on", "off"), metavar="on|off")
    arguments.add_argument("--interval", type=_interval, metavar="S")
    asked = arguments.read()
    if asked.interval is not None and not asked.live:
        arguments.error("--interval belongs to --live")
    return asked


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= REMEMBERED_CELLS:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no whole number from 1 to {REMEMBERED_CELLS}")
    return int(text)


def _interval(text: str) -> float:
    low, high = _SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not low <= seconds <= high:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number of seconds from {low:g} to {high:g}")
    return seconds
