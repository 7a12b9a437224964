"""One reading after another → what is in use now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from bun_sandbox_kernel.engines import Stats
from bun_sandbox_kernel.monitor import Monitor
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.selfcheck import Proven
from tests.unit.test_stats_views import STATS

POLICY = SandboxPolicy(cpus=0.5)


class Sandbox:
    """A sandbox that has used so much processor time at so many seconds."""

    def __init__(self, *readings: tuple[float, int]) -> None:
        self._readings: Iterator[tuple[float, int]] = iter(readings)

    def stats(self) -> Stats:
        read_at_s, cpu_ms = next(self._readings)
        return replace(STATS, read_at_s=read_at_s, cpu_ns=cpu_ms * 1_000_000)


async def cores(sandbox: Sandbox, readings: int, up_s: float) -> list[float]:
    monitor = Monitor(lambda _: None)
    proven = Proven(cast("Any", sandbox), POLICY, [], time.time() - up_s)
    return [(await monitor.read(proven)).cpu_cores for _ in range(readings)]


async def test_the_first_reading_counts_from_the_start() -> None:
    assert await cores(Sandbox((0, 2_000)), 1, up_s=10) == [pytest.approx(0.2, abs=0.01)]


@pytest.mark.parametrize("up_s", [0.05, 0.0, -60.0])
async def test_a_start_that_took_longer_than_the_sandbox_is_known_is_no_more_than_the_limit(up_s: float) -> None:
    (first,) = await cores(Sandbox((0, 200)), 1, up_s)
    assert 0 <= first <= POLICY.cpus


async def test_later_readings_count_from_the_one_before_as_the_engine_has_measured() -> None:
    sandbox = Sandbox((100.0, 200), (102.0, 1_000), (103.0, 1_600), (103.0, 1_600), (104.0, 1_500))
    assert (await cores(sandbox, 5, up_s=1))[1:] == [0.4, 0.6, 0.0, 0.0]
