"""Figures that move below a cell, and the buttons that start and stop them.

Law: the picture in the notebook is always the last one, however the kernel ends, and a kernel that is idle stays so.
Jupyter Server takes every message of a widget for activity, and would never cull the kernel. So the picture is a
display that is replaced; widgets are the buttons alone.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Any

from .comms import widgets
from .cost import Cost
from .engines import Sandbox
from .errors import SandboxError
from .lease import Lease
from .monitor import Monitor
from .outputs import Message
from .selfcheck import Proven
from .views import stats
from .views.chart import POINTS


class Panel:
    """One picture and two buttons, until the sandbox ends. Belongs to one event loop."""

    def __init__(self, monitor: Monitor, lease: Lease, costs: Sequence[Cost], interval_s: float) -> None:
        ipywidgets = widgets()
        self.id = uuid.uuid4().hex
        self._monitor = monitor
        self._lease = lease
        self._costs = costs
        self._interval_s = interval_s
        self._history: deque[stats.Usage] = deque(maxlen=POINTS)
        self._ticking: asyncio.Task[None] | None = None
        self._start = ipywidgets.Button(description="Start", icon="play", disabled=True)
        self._stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self._start.on_click(lambda _: self.start())
        self._stop.on_click(lambda _: self.stop())
        self._buttons = ipywidgets.HBox([self._start, self._stop])

    def picture(self, note: str = "") -> dict[str, Any]:
        """Return the last reading and those before it."""
        at = time.strftime("As of %H:%M:%S")  # and not that it moves: it may be the last, which nobody can tell
        return stats.usage(self._history, self._proven.policy, self._costs, f"{at}, {note}" if note else at)

    def buttons(self) -> dict[str, Any]:
        """Return the widget that holds both buttons."""
        bundle: dict[str, Any] = self._buttons._repr_mimebundle_()
        return {**bundle, "text/plain": "Run the cell again to start and stop the figures."}

    async def first(self, proven: Proven) -> None:
        """Take the first reading. Raises SandboxError."""
        self._proven = proven
        self._history.append(await self._monitor.measure(proven))

    def start(self) -> None:
        """Go on with the sandbox that there is now."""
        proven = self._lease.proven
        if self._ticking is not None:
            return
        if self._lease.session is None or proven is None:
            self._show("no sandbox runs")
            return
        if proven.sandbox is not self._proven.sandbox:
            self._history.clear()
        self._monitor.panels.add(self)
        self._ticking = self._lease.background(self._tick(proven.sandbox))
        self._enable()

    def stop(self) -> None:
        """Leave the last picture until somebody starts again."""
        if self._ticking is not None:
            self._halt("stopped")

    def end(self, why: str) -> None:
        """Leave the last picture, and take the buttons away."""
        self._halt(why)
        self._monitor.panels.discard(self)
        for widget in (self._start, self._stop, self._buttons):
            widget.close()

    def _halt(self, why: str) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
            self._show(why)
        self._enable()

    def _enable(self) -> None:
        self._start.disabled = self._ticking is not None
        self._stop.disabled = self._ticking is None

    async def _tick(self, sandbox: Sandbox) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while self._lease.session is not None and (proven := self._lease.proven) and proven.sandbox is sandbox:
                self._proven = proven  # anew each time, since limits can change
                self._history.append(await self._monitor.read(proven))
                self._show()
                due = max(due + self._interval_s, loop.time())
                await asyncio.sleep(due - loop.time())
        except SandboxError as error:
            self.end(error.message.rstrip("."))
        else:
            self.end("the sandbox ended")

    def _show(self, note: str = "") -> None:
        content = {"data": self.picture(note), "metadata": {}, "transient": {"display_id": self.id}}
        self._monitor.announce(Message("update_display_data", content))
