"""Shows the progress of long work below a cell: one output that changes, and stays as one line when it is done."""

from __future__ import annotations

import asyncio
import html
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .engines import Progress, Report
from .lease import Lease
from .outputs import Message
from .session import Session

_REPORT_SECONDS = 0.25
_PATIENCE_SECONDS = 0.5


async def opened(lease: Lease, publish: Callable[[Message], None]) -> Session:
    """Return the session once it is there, and show how far its start is. Raises SandboxError."""
    opening = lease.open()
    display = ProgressDisplay(publish)
    try:
        while not opening.done():
            await asyncio.wait({opening}, timeout=_REPORT_SECONDS)
            if lease.progress is not None:
                display.show(lease.progress)
    finally:
        display.finish(f"Work on the sandbox's image took {display.seconds:.0f} s.")
    return opening.result()


@contextmanager
def reporting(publish: Callable[[Message], None], work: str) -> Iterator[Report]:
    """Yield what takes any number of reports and shows some of them, and none of work that is over at once."""
    display = ProgressDisplay(publish)
    due = time.monotonic() + _PATIENCE_SECONDS

    def report(progress: Progress) -> None:
        nonlocal due
        if time.monotonic() >= due:
            display.show(progress)
            due = time.monotonic() + _REPORT_SECONDS

    try:
        yield report
    finally:
        display.finish(f"{work} took {display.seconds:.0f} s.")


class ProgressDisplay:
    """One display that is made at the first report and updated by the later ones."""

    def __init__(self, publish: Callable[[Message], None]) -> None:
        self._publish = publish
        self._id = uuid.uuid4().hex
        self._started: float | None = None
        self._shown: Progress | None = None

    def show(self, progress: Progress) -> None:
        """Publish the report unless it is on the screen already."""
        if progress != self._shown:
            percent = "" if progress.fraction is None else f" {progress.fraction:.0%}"
            value = "" if progress.fraction is None else f' value="{progress.fraction:.3f}"'
            self._send(f"{progress.text}{percent}", f"<progress{value}></progress> {html.escape(progress.text)}")
            self._shown = progress

    @property
    def seconds(self) -> float:
        """How long ago the first report was; 0 before it."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    def finish(self, line: str) -> None:
        """Leave one line; nothing where nothing was shown."""
        if self._started is not None:
            self._send(line, html.escape(line))

    def _send(self, text: str, markup: str) -> None:
        kind = "display_data" if self._started is None else "update_display_data"
        self._started = self._started or time.monotonic()
        data = {"text/plain": text, "text/html": markup}
        self._publish(Message(kind, {"data": data, "metadata": {}, "transient": {"display_id": self._id}}))
