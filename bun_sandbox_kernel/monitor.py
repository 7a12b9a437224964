"""What the kernel's sandbox uses, as the engine measures it, for all who want to know.

Law: whoever asks at the same time shares one reading, and nobody holds up a cell. Figures come from the engine alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .engines import Sandbox, Stats
from .outputs import Message
from .selfcheck import Proven
from .views.stats import Usage

if TYPE_CHECKING:
    from .panel import Panel

_MOMENT_SECONDS = 0.25


class Monitor:
    """Reads figures, and keeps the panels that show them as they change. Belongs to one event loop."""

    def __init__(self, announce: Callable[[Message], None]) -> None:
        """``announce`` publishes what is nobody's request."""
        self.announce = announce
        self.panels: set[Panel] = set()
        self._sandbox: Sandbox | None = None
        self._usage: Usage | None = None
        self._reading: asyncio.Task[Usage] | None = None

    def latest(self, sandbox: Sandbox) -> Usage | None:
        """Return the last reading of this sandbox."""
        return self._usage if sandbox is self._sandbox else None

    async def read(self, proven: Proven) -> Usage:
        """Return a new reading. Raises EngineError, or SandboxDied when the sandbox is gone."""
        if proven.sandbox is not self._sandbox:
            self._sandbox, self._usage, self._reading = proven.sandbox, None, None
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read(proven))
            self._reading.add_done_callback(_forget)
        return await asyncio.shield(self._reading)

    async def measure(self, proven: Proven) -> Usage:
        """Return a reading whose CPU is that of a moment. Raises what ``read`` raises."""
        await self.read(proven)
        await asyncio.sleep(_MOMENT_SECONDS)
        return await self.read(proven)

    async def _read(self, proven: Proven) -> Usage:
        stats = await asyncio.to_thread(proven.sandbox.stats)
        up_s = time.time() - proven.started
        before = self.latest(proven.sandbox)
        usage = Usage(stats, _cores(None if before is None else before.stats, stats, up_s, proven.policy.cpus), up_s)
        if proven.sandbox is self._sandbox:
            self._usage = usage
        return usage

    def close(self) -> None:
        """Let every panel leave its last picture."""
        for panel in [*self.panels]:
            panel.end("the kernel ended")


def _cores(before: Stats | None, now: Stats, up_s: float, limit: float) -> float:
    """Return the cores in use since the reading before.

    Since the start for the first one: no more than the limit, since the sandbox is older than it is known.
    """
    if before is None:
        return min(_per_second(now.cpu_ns, up_s), limit)
    return _per_second(now.cpu_ns - before.cpu_ns, now.read_at_s - before.read_at_s)


def _per_second(cpu_ns: int, seconds: float) -> float:
    return max(0, cpu_ns) / 1e9 / seconds if seconds > 0 else 0.0


def _forget(reading: asyncio.Task[Usage]) -> None:
    if not reading.cancelled():
        reading.exception()  # taken here, since whoever asked may have gone
