"""What is left of a view where a page keeps only harmless elements, and no styles: on GitHub, say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from bun_sandbox_kernel import views
from bun_sandbox_kernel.answers import Entry, Listing, Variable
from bun_sandbox_kernel.checks import Check
from bun_sandbox_kernel.health import Section
from bun_sandbox_kernel.packages import Outdated, Package
from bun_sandbox_kernel.policy import MIB, SandboxPolicy
from tests.integration.kernels import ANSI
from tests.unit.test_stats_views import COST, STATS, USAGE

LEFT = {"b", "br", "i", "img", "p", "small", "table", "tbody", "td", "th", "thead", "tr"}
"""Elements of ours on the allow-list of GitHub's html-pipeline (sanitization_filter.rb)."""
LOST = {"meter"}
"""Elements that it takes away; they hold no text."""
ATTRIBUTES = {"alt", "colspan", "height", "high", "low", "max", "min", "optimum", "src", "style", "value", "width"}

FULL = replace(USAGE, stats=replace(STATS, read_at_s=STATS.read_at_s + 1, memory_bytes=250 * MIB))
CHECKS = (Check("ok", "memory: 256 MB"), Check("warn", "swap <none>", "Mend it."), Check("fail", "no seccomp", "Stop."))
FILES = Listing((Entry("a & b.ts", "file", 3, 0), Entry("deep", "folder", 0, 0)), 1, 10, 5, 10, 5)
VARIABLES = (Variable("bun", "const", "string", 3, '"<b>"'), Variable("x", "let", "n", None, ""))
PACKAGES = (Package("zod", "4.0.0", direct=True), Package("tiny", "1.0.0", direct=False))
BUNDLES: dict[str, dict[str, Any]] = {
    "what is used": views.stats.usage([USAGE], SandboxPolicy(), [COST], "As of 12:00:00"),
    "what is used, with charts": views.stats.usage([USAGE, FULL], SandboxPolicy(), [COST]),
    "what cells took": views.stats.cells([COST, replace(COST, outcome="memory")]),
    "a line below a cell": views.stats.footer(COST),
    "health": views.health.bundle([Section("Limits", CHECKS)]),
    "variables": views.variables.bundle(VARIABLES),
    "files": views.files.bundle("", FILES),
    "packages": views.packages.installed(PACKAGES),
    "newer packages": views.packages.outdated([Outdated("zod", "3.0.0", "3.1.0", "4.0.0")]),
}

every_view = pytest.mark.parametrize("bundle", BUNDLES.values(), ids=BUNDLES)


class Page(HTMLParser):
    """A page's elements, attributes and text; no text of elements that are taken away."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, list[str]] = {}
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.text += " "
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> set[str]:
    return set(ANSI.sub("", text).replace("FULL", "full").split()) - set(re.findall(r"[█░]+", text))


@every_view
def test_a_view_has_no_element_that_runs_or_styles_and_no_handler(bundle: dict[str, Any]) -> None:
    page = Page(bundle["text/html"])
    assert page.tags <= LEFT | LOST
    assert page.attributes.keys() <= ATTRIBUTES
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.attributes.get("src", []))


@every_view
def test_what_is_left_says_all_that_the_text_says(bundle: dict[str, Any]) -> None:
    assert words(bundle["text/plain"]) <= words(Page(bundle["text/html"]).text)


@every_view
def test_an_element_that_is_lost_takes_no_text_with_it(bundle: dict[str, Any]) -> None:
    assert all(re.search(rf"<{tag}\b[^>]*>[^<]", bundle["text/html"]) is None for tag in LOST)


def test_an_image_that_is_lost_leaves_its_title() -> None:
    page = Page(BUNDLES["what is used, with charts"]["text/html"])
    assert len(page.attributes["src"]) == len(page.attributes["alt"]) == 4
    assert all(page.attributes["alt"])


def test_every_kind_of_view_is_looked_at() -> None:
    made = {"files", "health", "packages", "stats", "variables"}
    assert made == {name for name in views.__all__ if name.islower()}
