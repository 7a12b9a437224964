"""Comparisons as a Markdown table for people and as plain data for JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from statistics import median
from typing import Any

from benchmarks.comparison import Comparison, middle
from benchmarks.measures import Sample, Target

DISPLAY_NAMES = {"python3": "ipykernel"}


def as_table(comparisons: Sequence[Comparison], kernel: str, peer: str) -> str:
    """One line a measure, medians; columns are padded so that it reads well unrendered."""
    heading = ("measure", display_name(kernel), display_name(peer), "ratio", "target", "met?")
    rows = [heading, *(_row(comparison) for comparison in comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    body = [_line([cell.ljust(width) for cell, width in zip(row, widths, strict=True)]) for row in rows]
    return "\n".join([body[0], _line(["-" * width for width in widths]), *body[1:]])


def as_remarks(comparisons: Sequence[Comparison], kernel: str, peer: str) -> str:
    """What the table has no room for: the parts of a reading, and above all what went wrong."""
    remarks: list[str] = []
    for comparison in comparisons:
        name = comparison.measure.name
        if comparison.obstacle:
            remarks.append(f"{name}: NOT MEASURED: {comparison.obstacle}")
        for side, samples in ((kernel, comparison.ours), (peer, comparison.peer)):
            parts = ", ".join(f"{part} {value:.4g}" for part, value in _details(samples).items())
            remarks += [f"{name}: {display_name(side)}: {parts}"] if parts else []
            remarks += [f"{name}: {display_name(side)}: WRONG: {sample.fault}" for sample in samples if sample.fault]
    return "\n".join(remarks)


def as_data(comparisons: Sequence[Comparison], kernel: str, peer: str) -> dict[str, Any]:
    """Everything: every sample in the order taken, medians, ratios, and the machine they hold for."""
    return {
        "kernel": kernel,
        "peer": peer,
        "machine": {
            "cpus": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "ipykernel": version("ipykernel"),
            "load_average_1_minute": os.getloadavg()[0],
        },
        "measures": [_measure_data(comparison) for comparison in comparisons],
    }


def display_name(kernel: str) -> str:
    """What people call the kernel of this kernelspec."""
    return DISPLAY_NAMES.get(kernel, kernel)


def reading(value: float | None, unit: str) -> str:
    """A value with its unit, to a tenth."""
    return "-" if value is None else f"{value:,.1f} {unit}"


def _row(comparison: Comparison) -> tuple[str, ...]:
    measure = comparison.measure
    ratio = "-" if comparison.ratio is None else f"{comparison.ratio:.2f} ×"
    return (
        measure.title,
        reading(middle(comparison.ours), measure.unit),
        reading(middle(comparison.peer), measure.unit),
        ratio,
        _target(measure.target, measure.unit),
        _verdict(comparison),
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _target(target: Target, unit: str) -> str:
    return f"≤ {reading(target.limit, unit)}" if target.absolute else f"≤ {target.limit:.1f} ×"


def _verdict(comparison: Comparison) -> str:
    if comparison.fault:
        return f"NO: {comparison.fault}"
    return {None: "not measured", True: "yes", False: "no"}[comparison.met]


def _details(samples: Sequence[Sample]) -> Mapping[str, float]:
    """The median of each detail over the samples."""
    parts = samples[0].details if samples else {}
    return {part: median(sample.details[part] for sample in samples) for part in parts}


def _measure_data(comparison: Comparison) -> dict[str, Any]:
    measure = comparison.measure
    return {
        "name": measure.name,
        "title": measure.title,
        "unit": measure.unit,
        "target": asdict(measure.target),
        "ratio": comparison.ratio,
        "met": comparison.met,
        "obstacle": None if comparison.obstacle is None else str(comparison.obstacle),
        "kernel": {"median": middle(comparison.ours), "samples": [asdict(sample) for sample in comparison.ours]},
        "peer": {"median": middle(comparison.peer), "samples": [asdict(sample) for sample in comparison.peer]},
    }
