"""Pure: what a sandbox uses, and what cells took → MIME bundles.

Law: the HTML says the same where a front end keeps only a part of it. JupyterLab takes scripts, ``<style>`` and
``<svg>`` out of untrusted notebooks, GitHub all styles too; what is left is a table of text.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..cost import REMEMBERED_CELLS, Cost
from ..durations import duration
from ..engines import Stats
from ..policy import SandboxPolicy
from ..sizes import size
from .chart import chart
from .mime import DATA

FULL = 0.9
"""Share of a limit from which on it is about to be felt."""
_BAR = 20


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading of the engine's, and the processor's use since the reading before; since the start for the first."""

    stats: Stats
    cpu_cores: float
    up_s: float


class Gauge(NamedTuple):
    """Something that is used, and its limit if it has one."""

    name: str
    used: float
    limit: float | None
    text: str

    @property
    def share(self) -> float:
        """Say how much of the limit is used."""
        return self.used / self.limit if self.limit else 0.0


def usage(history: Sequence[Usage], policy: SandboxPolicy, costs: Sequence[Cost], note: str = "") -> dict[str, Any]:
    """Return the last reading against the limits; with earlier ones as charts."""
    now = history[-1]
    shown = gauges(now, policy)
    facts = _facts(now, costs)
    if note:
        facts.insert(0, note)
    return {
        "text/plain": _text(shown, facts),
        "text/html": _html(shown, facts, _charts(history, policy)),
        DATA: {**asdict(now.stats), "cpu_cores": now.cpu_cores, "cpu_limit_cores": policy.cpus, "up_s": now.up_s},
    }


def gauges(now: Usage, policy: SandboxPolicy) -> list[Gauge]:
    """Return what is used of each limit."""
    stats = now.stats
    found = [
        Gauge(
            "CPU",
            now.cpu_cores,
            policy.cpus,
            f"{now.cpu_cores:.0%} of one core, limit {policy.cpus:g} core{'' if policy.cpus == 1 else 's'}",
        ),
        _sizes("Memory", stats.memory_bytes, stats.memory_limit_bytes),
    ]
    if stats.shared_bytes is not None:
        found.append(
            _sizes("Scratch files", stats.shared_bytes, policy.tmp_bytes + policy.code_bytes + policy.shm_bytes)
        )
    limit = "no limit" if stats.pids_limit is None else f"of {stats.pids_limit}"
    return [*found, Gauge("Processes", stats.pids, stats.pids_limit, f"{stats.pids} {limit}")]


def _sizes(name: str, used: int, limit: int | None) -> Gauge:
    return Gauge(name, used, limit, f"{size(used)} {'no limit' if limit is None else f'of {size(limit)}'}")


def _facts(now: Usage, costs: Sequence[Cost]) -> list[str]:
    stats = now.stats
    parts = {
        "programs": stats.anonymous_bytes,
        "scratch files": stats.shared_bytes,
        "page cache": stats.file_bytes,
        "kernel": stats.kernel_bytes,
    }
    made_of = ", ".join(f"{name} {size(part)}" for name, part in parts.items() if part is not None)
    facts = [f"Memory holds: {made_of}"] if made_of else []
    if stats.memory_peak_bytes is not None:
        facts.append(f"Memory at its most, with all page cache: {size(stats.memory_peak_bytes)}")
    throttled = f", throttled for {duration(stats.throttled_ns / 1e9)}" if stats.throttled_ns else ""
    periods = f" in {stats.throttled_periods} of {stats.periods} periods" if stats.throttled_ns else ""
    facts.append(f"CPU in all: {duration(stats.cpu_ns / 1e9)}{throttled}{periods}")
    if stats.received_bytes is None or stats.sent_bytes is None:
        facts.append("Network: none")
    else:
        facts.append(f"Network: {size(stats.received_bytes)} received, {size(stats.sent_bytes)} sent")
    many = f"{len(costs)} or more" if len(costs) == REMEMBERED_CELLS else f"{len(costs)}"
    return [*facts, f"Up {duration(now.up_s)}; cells run: {many}"]


def _text(shown: list[Gauge], facts: list[str]) -> str:
    wide = max(len(gauge.name) for gauge in shown)
    bars = [round(min(gauge.share, 1) * _BAR) for gauge in shown]
    lines = [
        f"{gauge.name:{wide}}  {'█' * bar}{'░' * (_BAR - bar)}  {gauge.text}{'  FULL' if gauge.share >= FULL else ''}"
        for gauge, bar in zip(shown, bars, strict=True)
    ]
    return "\n".join([*lines, *facts])


def _charts(history: Sequence[Usage], policy: SandboxPolicy) -> dict[str, str]:
    """Return the past of each gauge as an image, by its name."""
    if len(history) < 2:
        return {}
    seconds = history[-1].stats.read_at_s - history[0].stats.read_at_s
    past = zip(*(gauges(one, policy) for one in history), strict=True)
    return {
        values[-1].name: chart(
            [(one.share if one.limit else one.used / max(value.used for value in values)) for one in values],
            f"{values[-1].name}, the last {duration(seconds)}",
            full=FULL,
        )
        for values in past
    }


_LEFT = 'style="text-align: left"'


def _html(shown: list[Gauge], facts: list[str], charts: dict[str, str]) -> str:
    rows = "".join(f"<tr>{_row(gauge, charts.get(gauge.name))}</tr>" for gauge in shown)
    return f"<table>{rows}</table><small>{'<br>'.join(map(html.escape, facts))}</small>"


def _row(gauge: Gauge, drawn: str | None) -> str:
    full = ' <b style="color: #c62828">⚠ full</b>' if gauge.share >= FULL else ""
    meter = f'<meter min="0" low="0.7" high="{FULL}" max="1" optimum="0" value="{min(gauge.share, 1):.3f}"></meter>'
    return (
        f"<th {_LEFT}>{gauge.name}</th><td>{meter if gauge.limit else ''}</td>{f'<td>{drawn}</td>' if drawn else ''}"
        f"<td {_LEFT}>{gauge.text}{full}</td>"
    )


class _Column(NamedTuple):
    title: str
    of: Callable[[Cost], str]


_COLUMNS = (
    _Column("Cell", lambda cost: f"[{cost.count}]"),
    _Column("Outcome", lambda cost: cost.outcome),
    _Column("Wall", lambda cost: duration(cost.wall_ms / 1000)),
    _Column("CPU", lambda cost: duration(cost.cpu_ms / 1000)),
    _Column("Peak memory", lambda cost: size(cost.peak_memory_bytes)),
    _Column("Printed", lambda cost: size(cost.output_bytes)),
)


def cells(costs: Sequence[Cost]) -> dict[str, Any]:
    """Return a table of cells, the last one at the bottom."""
    table = [[column.title for column in _COLUMNS], *([column.of(cost) for column in _COLUMNS] for cost in costs)]
    wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(f"{text:>{width}}" for text, width in zip(row, wide, strict=True)) for row in table]
    head = "".join(f"<th>{column.title}</th>" for column in _COLUMNS)
    rows = "".join(f"<tr>{''.join(f'<td>{_marked(text)}</td>' for text in row)}</tr>" for row in table[1:])
    return {
        "text/plain": "\n".join(lines),
        "text/html": f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>",
        DATA: {"cells": [{"count": cost.count, **cost.metadata()} for cost in costs]},
    }


def _marked(text: str) -> str:
    return f'<b style="color: #c62828">{text}</b>' if text in _BAD else text


_BAD = frozenset({"error", "timeout", "memory", "crashed", "interrupted"})


def footer(cost: Cost) -> dict[str, Any]:
    """Return one line that says what a cell took."""
    line = (
        f"{cost.outcome} · {duration(cost.wall_ms / 1000)} · CPU {duration(cost.cpu_ms / 1000)} · "
        f"peak {size(cost.peak_memory_bytes)} · printed {size(cost.output_bytes)}"
    )
    return {"text/plain": line, "text/html": f"<small>{line}</small>"}
