"""How long a peer may be silent. Seconds in which this process itself stood still count for one.

A machine that was suspended, or a kernel in a debugger, would otherwise find every peer silent when it wakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watched(seconds: int, give_up: Callable[[], None]) -> Iterator[None]:
    """Call ``give_up`` after so many seconds, unless the block has ended by then."""

    async def wait() -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
        give_up()

    waiting = asyncio.get_running_loop().create_task(wait())
    try:
        yield
    finally:
        waiting.cancel()
