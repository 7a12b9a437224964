"""The outputs of one cell on their way out, at a pace that servers and browsers can keep up with.

Law: they go out in order, and none is left out but text and displays that wait when a cell is made to stop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from .pace import Pace, cost, printed_bytes
from .wire import Clear, Display, End, Output, Stream

_MERGED_BYTES = 1_000_000
"""Text that waits becomes messages of about this size."""
_WAITING_BYTES = 32 << 20
"""More than a cell may print; who sends more waits."""


class Outlet:
    """Belongs to one cell and one event loop."""

    def __init__(self, pace: Pace, show: Callable[[Output], None]) -> None:
        self._pace = pace
        self._show = show
        self._waiting: deque[tuple[Output, int]] = deque()
        self._waiting_bytes = 0
        self._left_out_bytes = 0
        self._sender: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._in_hurry = False
        self._stopped = False

    async def put(self, output: Output) -> None:
        """Show an output, now or once there is room for it."""
        if self._stopped or (self._sender is None and self._pace.unhurried_seconds(output) <= 0):
            self._send_or_leave_out(output)
            return
        self._append(output, cost(output))
        self._sender = self._sender or asyncio.get_running_loop().create_task(self._send_waiting())
        if self._waiting_bytes > _WAITING_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Return once all of it is shown, as soon as the server allows."""
        self._in_hurry = True
        self._wake.set()
        if self._sender is not None:
            await self._sender
        self._in_hurry = False

    def stop(self) -> None:
        """From now on show no more text and displays than there is room for at once."""
        self._stopped = True
        while self._waiting:
            self._send_or_leave_out(self._take())
        self._wake.set()

    async def finish(self, end: End) -> None:
        """Show the rest of a program that came to its own end."""
        if end.outcome in {"ok", "error"}:
            await self.flush()
        self.close(end.dropped_bytes)

    def close(self, dropped_bytes: int = 0) -> None:
        """Show nothing more, and say how much was left out here and in the sandbox."""
        self.stop()
        if self._left_out_bytes > 0:
            total, self._left_out_bytes = self._left_out_bytes + dropped_bytes, 0
            self._send(Stream("stderr", f"\n… {total} bytes of output left out: the cell was stopped\n"))

    def _append(self, output: Output, size: int) -> None:
        last, last_size = self._waiting[-1] if self._waiting else (None, 0)
        self._waiting_bytes += size
        fits = last_size + size <= _MERGED_BYTES
        if fits and isinstance(last, Stream) and isinstance(output, Stream) and last.name == output.name:
            self._waiting[-1] = (Stream(last.name, last.text + output.text), last_size + size)
        else:
            self._waiting.append((output, size))

    def _take(self) -> Output:
        output, size = self._waiting.popleft()
        self._waiting_bytes -= size
        return output

    async def _send_waiting(self) -> None:
        while self._waiting:
            output, _ = self._waiting[0]
            seconds = self._pace.seconds(output) if self._in_hurry else self._pace.unhurried_seconds(output)
            if seconds <= 0:
                self._send(self._take())
                continue
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
        self._sender = None

    def _send_or_leave_out(self, output: Output) -> None:
        full = self._left_out_bytes > 0 or self._pace.seconds(output) > 0
        if full and isinstance(output, Stream | Display | Clear):
            self._left_out_bytes += printed_bytes(output)
        else:
            self._send(output)

    def _send(self, output: Output) -> None:
        self._pace.spend(output)
        self._show(output)
