"""Figures and costs → what a notebook shows."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bun_sandbox_kernel.cost import REMEMBERED_CELLS, Cost
from bun_sandbox_kernel.engines import Stats
from bun_sandbox_kernel.policy import MIB, SandboxPolicy
from bun_sandbox_kernel.sizes import size
from bun_sandbox_kernel.views import stats as views
from bun_sandbox_kernel.views.chart import POINTS, chart
from bun_sandbox_kernel.views.mime import DATA
from bun_sandbox_kernel.views.stats import Usage

STATS = Stats(
    read_at_s=1000.0,
    cpu_ns=1_500_000_000,
    periods=40,
    throttled_periods=10,
    throttled_ns=250_000_000,
    memory_bytes=64 * MIB,
    anonymous_bytes=40 * MIB,
    shared_bytes=20 * MIB,
    file_bytes=3 * MIB,
    kernel_bytes=MIB,
    memory_limit_bytes=256 * MIB,
    memory_peak_bytes=90 * MIB,
    pids=11,
    pids_limit=50,
    received_bytes=None,
    sent_bytes=None,
)
USAGE = Usage(STATS, 0.1, 75.0)
COST = Cost(3, "ok", 1200, 800, 84 * MIB, 12_000)
KEPT = {"b", "br", "img", "meter", "small", "table", "tbody", "td", "th", "thead", "tr"}
"""Tags of ours that JupyterLab's sanitizer leaves."""


def shown(
    usage: Usage = USAGE, policy: SandboxPolicy | None = None, costs: tuple[Cost, ...] = (COST,)
) -> dict[str, Any]:
    return views.usage([usage], policy or SandboxPolicy(), costs)


def test_every_limit_is_shown_with_what_is_used_of_it() -> None:
    lines = shown()["text/plain"].split("\n")
    assert lines[:4] == [
        "CPU            ████░░░░░░░░░░░░░░░░  10% of one core, limit 0.5 cores",
        "Memory         █████░░░░░░░░░░░░░░░  64 MB of 256 MB",
        "Scratch files  ████░░░░░░░░░░░░░░░░  20 MB of 104 MB",
        "Processes      ████░░░░░░░░░░░░░░░░  11 of 50",
    ]
    assert "Memory holds: programs 40 MB, scratch files 20 MB, page cache 3 MB, kernel 1 MB" in lines
    assert "CPU in all: 1.5 s, throttled for 250 ms in 10 of 40 periods" in lines
    assert lines[-2:] == ["Network: none", "Up 1 min 15 s; cells run: 1"]


@pytest.mark.parametrize(
    ("full", "line"),
    [
        (replace(USAGE, cpu_cores=0.49), "CPU"),
        (replace(USAGE, stats=replace(STATS, memory_bytes=250 * MIB)), "Memory"),
        (replace(USAGE, stats=replace(STATS, shared_bytes=104 * MIB)), "Scratch files"),
        (replace(USAGE, stats=replace(STATS, pids=50)), "Processes"),
    ],
)
def test_what_is_full_is_said_in_words(full: Usage, line: str) -> None:
    bundle = shown(full)
    assert [text.partition("  ")[0] for text in bundle["text/plain"].split("\n") if "FULL" in text] == [line]
    assert bundle["text/html"].count("⚠ full") == 1
    assert "FULL" not in shown()["text/plain"]
    assert "⚠" not in shown()["text/html"]


def test_what_the_engine_does_not_know_is_left_out() -> None:
    stats = replace(
        STATS,
        anonymous_bytes=None,
        shared_bytes=None,
        file_bytes=None,
        kernel_bytes=None,
        memory_peak_bytes=None,
        memory_limit_bytes=None,
        pids_limit=None,
        received_bytes=2048,
        sent_bytes=100,
    )
    text = shown(replace(USAGE, stats=stats))["text/plain"]
    assert "None" not in text
    assert "Scratch" not in text
    assert "64 MB no limit" in text
    assert "Network: 2 KB received, 100 B sent" in text


def test_a_front_end_that_sanitises_leaves_every_tag() -> None:
    history = [replace(USAGE, stats=replace(STATS, read_at_s=1000.0 + second)) for second in range(5)]
    for bundle in (shown(), views.usage(history, SandboxPolicy(), [COST]), views.cells([COST]), views.footer(COST)):
        assert tags(bundle["text/html"]) <= KEPT
        assert "application/json" not in bundle  # JupyterLab would prefer it to the table
        assert bundle["text/plain"]


def tags(markup: str) -> set[str]:
    return set(re.findall(r"<(\w+)", markup))


def test_programs_find_the_figures_with_their_units() -> None:
    figures = shown()[DATA]
    assert figures["memory_bytes"] == 64 * MIB
    assert (figures["cpu_cores"], figures["cpu_limit_cores"], figures["up_s"]) == (0.1, 0.5, 75.0)


def test_more_cells_than_are_remembered_are_not_counted_wrongly() -> None:
    assert "cells run: 200 or more" in shown(costs=(COST,) * REMEMBERED_CELLS)["text/plain"]


def test_a_note_cannot_bring_markup() -> None:
    bundle = views.usage([USAGE], SandboxPolicy(), [], "<script>x</script>")
    assert "<script>" not in bundle["text/html"]


# -- charts -----------------------------------------------------------------------------------------------------------


def svg(markup: str) -> ET.Element:
    found = re.search(r'base64,([^"]+)"', markup)
    assert found is not None
    return ET.fromstring(base64.b64decode(found[1]))  # noqa: S314  (our own)


def test_a_chart_is_an_image_whose_last_value_is_at_the_right_and_within_its_edges() -> None:
    line = svg(chart([0.0, 0.5, 7.0], "CPU", full=0.9))[-1].attrib["points"].split()
    points = [tuple(map(float, point.split(","))) for point in line]
    assert points[-1] == (240, 2)
    assert points[0][1] == 38
    assert len(svg(chart([0.1] * 999, "CPU", full=0.9))[-1].attrib["points"].split()) == POINTS


def test_a_chart_turns_red_when_its_last_value_is_full() -> None:
    assert svg(chart([0.1, 0.95], "", full=0.9))[-1].attrib["stroke"] == "#c62828"
    assert svg(chart([0.95, 0.1], "", full=0.9))[-1].attrib["stroke"] != "#c62828"


def test_figures_with_a_past_have_a_chart_each() -> None:
    history = [replace(USAGE, stats=replace(STATS, read_at_s=1000.0 + second)) for second in range(3)]
    markup = views.usage(history, SandboxPolicy(), [])["text/html"]
    assert re.findall(r'alt="([^"]+)"', markup) == [
        f"{name}, the last 2 s" for name in ("CPU", "Memory", "Scratch files", "Processes")
    ]


# -- cells ------------------------------------------------------------------------------------------------------------


def test_cells_are_a_table_whose_last_row_is_the_last_cell() -> None:
    bundle = views.cells([COST, replace(COST, count=4, outcome="memory")])
    assert bundle["text/plain"].split("\n") == [
        "Cell  Outcome   Wall     CPU  Peak memory  Printed",
        " [3]       ok  1.2 s  800 ms        84 MB  11.7 KB",
        " [4]   memory  1.2 s  800 ms        84 MB  11.7 KB",
    ]
    assert ">memory</b>" in bundle["text/html"]
    assert [cell["count"] for cell in bundle[DATA]["cells"]] == [3, 4]


def test_no_cells_are_a_table_too() -> None:
    assert views.cells([])["text/plain"].startswith("Cell")


def test_a_footer_is_one_line() -> None:
    assert views.footer(COST)["text/plain"] == "ok · 1.2 s · CPU 800 ms · peak 84 MB · printed 11.7 KB"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1010, "1010 B"), (1536, "1.5 KB"), (1000 << 10, "1000 KB"), (MIB, "1 MB"), (3 << 30, "3 GB")],
)
def test_sizes_are_powers_of_1024_and_never_in_exponents(number: int, text: str) -> None:
    assert size(number) == text
