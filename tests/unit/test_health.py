"""What is said of a sandbox, and how it looks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

from bun_sandbox_kernel import magics, views
from bun_sandbox_kernel.answers import Variable
from bun_sandbox_kernel.checks import Check
from bun_sandbox_kernel.health import Section, ago, degraded, judged
from bun_sandbox_kernel.lease import Loss
from bun_sandbox_kernel.policy import UNCONFINED, SandboxPolicy
from bun_sandbox_kernel.selfcheck import Line, Proven

DOCS = Path(__file__).parents[2] / "docs"
HOLDS = Line("pids", holds=True, found="50 processes")
MISSING = Line("swap", holds=False, found="None bytes")


def proven(*lines: Line, **policy: Any) -> Proven:
    return Proven(cast("Any", None), SandboxPolicy(**policy), list(lines), time.time())


def test_a_line_that_may_be_missing_and_is_is_a_warning() -> None:
    assert [check.status for check in judged(proven(HOLDS, MISSING))] == ["ok", "warn"]


def test_a_whole_sandbox_is_not_degraded() -> None:
    assert degraded(None, []) == ""
    assert degraded(proven(HOLDS), [Loss(0, "the cell ended it")]) == ""


def test_what_degrades_a_sandbox_is_named() -> None:
    assert degraded(proven(HOLDS, seccomp_profile=UNCONFINED), []) == "system calls are not filtered"
    assert degraded(proven(MISSING), []) == "swap does not hold"
    assert "lost 3 times" in degraded(proven(), [Loss(0, "")] * 3)


def test_the_same_degradation_has_the_same_words() -> None:
    assert degraded(proven(), [Loss(0, "")] * 3) == degraded(proven(), [Loss(1, "")] * 9)


def test_times_are_told_in_words() -> None:
    now = time.time()
    assert [ago(now - seconds) for seconds in (5, 120, 7300, 90_000)] == ["5 s ago", "2 min ago", "2 h ago", "1 d ago"]


SECTIONS = [
    Section("Sandbox", (Check("ok", "fine <b>", "never shown"),)),
    Section("Protection", (Check("fail", "no <filter>", "Mend & restart."),)),
]


def test_health_can_be_read_without_colours() -> None:
    bundle = views.health.bundle(SECTIONS)
    assert bundle[views.DATA]["status"] == "fail"
    assert "✗</b>" in bundle["text/html"]
    assert "✗" in bundle["text/plain"]
    assert "Mend & restart." in bundle["text/plain"]
    assert "never shown" not in bundle["text/plain"] + bundle["text/html"]


def test_what_a_sandbox_says_is_no_markup() -> None:
    html = views.health.bundle(SECTIONS)["text/html"]
    assert "no &lt;filter&gt;" in html
    assert "Mend &amp; restart." in html
    variable = Variable("<i>", "const", "string", 3, "<script>")
    assert "<script>" not in views.variables.bundle([variable])["text/html"]


def test_every_magic_is_in_the_documentation() -> None:
    text = (DOCS / "magics.md").read_text("utf-8")
    assert [name for name in magics.MAGICS if f"`{name}" not in text] == []
