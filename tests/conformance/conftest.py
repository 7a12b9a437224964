"""The fixtures of every attack, and the table of what held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bun_sandbox_kernel.engines import Engine
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conformance.sandbox import Inside


@pytest.fixture(scope="module")
def inside(engine: Engine) -> Iterator[Inside]:
    """Yield a sandbox that all attacks of a file share."""
    session = Inside(engine, SandboxPolicy())
    yield session
    session.close()


@pytest.fixture
def victim(engine: Engine) -> Iterator[Inside]:
    """Yield a sandbox that may be harmed."""
    session = Inside(engine, SandboxPolicy())
    yield session
    session.close()


@pytest.fixture(autouse=True)
def _counts_for_its_engine(engine: Engine, record_property: Callable[[str, object], None]) -> None:
    record_property("engine", engine.name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many attacks of each subject were held, by engine."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    tried: dict[tuple[str, str], int] = defaultdict(int)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            engine = dict(report.user_properties).get("engine")
            if report.when != "call" or engine is None:
                continue
            attack = (Path(report.location[0]).stem.removeprefix("test_"), str(engine))
            tried[attack] += 1
            held[attack] += outcome == "passed"
    engines = sorted({engine for _, engine in tried})
    if not engines:
        return
    terminalreporter.section("attacks held / tried")
    terminalreporter.write_line(f"{'':<14}" + "".join(f"{engine:>14}" for engine in engines))
    for subject in sorted({subject for subject, _ in tried}):
        cells = (f"{held[subject, engine]} / {tried[subject, engine]}" for engine in engines)
        terminalreporter.write_line(f"{subject:<14}" + "".join(f"{cell:>14}" for cell in cells))
