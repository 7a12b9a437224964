"""How fast a cell's outputs may go out, so that none is lost on the way to a browser, and the browser keeps up.

Jupyter Server drops whatever a kernel sends in excess of ``iopub_data_rate_limit`` (1 MB of stream text a second) or
``iopub_msg_rate_limit`` (1000 messages a second), counted over ``rate_limit_window`` (3 s) and anew after each
``idle``; results and errors too: ``ZMQChannelsWebsocketConnection._limit_rate`` in jupyter_server 2. JupyterLab renders
all that a cell has printed anew with each message that adds to it. Clients without a server get everything at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from .wire import Clear, Display, Output, Stream

MESSAGE_BYTES = 1000
"""What a message counts for beside its text, since a server that takes 1 MB a second takes 1000 messages."""
BURST_BYTES = 1_500_000
BYTES_PER_SECOND = 450_000
"""In any three seconds at most 2.85 of the 3 MB go out, and what is left is for the error that ends a cell."""
UNHURRIED_BYTES = 128_000
"""Until a cell has printed so much, what it prints goes out at once."""
RENDERING_SECONDS_PER_BYTE = 2e-6
"""Twice what a browser needs, measured with short lines."""


SERVED = "JPY_SESSION_NAME"
"""Jupyter Server puts the notebook's path there (``SessionManager.get_kernel_env``); others start kernels without."""


class Pace:
    """A bucket that fills at a steady rate and that outputs are paid from."""

    def __init__(self, *, served: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._served = served
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Begin anew, as a server does after ``idle``."""
        self._room = float(BURST_BYTES)
        self._printed_bytes = 0
        self._filled = self._last = self._clock()

    def seconds(self, output: Output) -> float:
        """Return how long a server wants an output to wait."""
        if not self._served:
            return 0.0
        now = self._clock()
        self._room = min(BURST_BYTES, self._room + (now - self._filled) * BYTES_PER_SECOND)
        self._filled = now
        return max(0.0, min(cost(output), BURST_BYTES) - self._room) / BYTES_PER_SECOND

    def unhurried_seconds(self, output: Output) -> float:
        """Return how long an output waits for more of its kind too, so that a browser is spared."""
        if not self._served:
            return 0.0
        spare = max(0, self._printed_bytes - UNHURRIED_BYTES) * RENDERING_SECONDS_PER_BYTE
        rendered = self._last + spare - self._clock() if isinstance(output, Stream) else 0.0
        return max(rendered, self.seconds(output))

    def spend(self, output: Output) -> None:
        """Count an output that goes out."""
        if not self._served:
            return
        spent = cost(output)
        self._room -= spent
        self._last = self._clock()
        match output:
            case Stream():
                self._printed_bytes += spent - MESSAGE_BYTES
            case Clear():
                self._printed_bytes = 0
            case _:
                pass


def cost(output: Output) -> int:
    """Return what an output counts for, in bytes: only the text of streams has a limit of its own."""
    return MESSAGE_BYTES + (printed_bytes(output) if isinstance(output, Stream) else 0)


def printed_bytes(output: Output) -> int:
    """Return the size of an output's content on the wire."""
    match output:
        case Stream(_, text):
            return len(json.dumps(text, ensure_ascii=False).encode())
        case Display(data):
            return len(json.dumps(data))
        case _:
            return 0
