"""Which requests wait for the running cell, and which are answered beside it.

ipykernel takes one request at a time, so that cells run in turn. But a completion, a tooltip or the history of the
console may not have to wait for the end of a long cell, and cells not for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import zmq
from ipykernel.kernelbase import Kernel

from . import comms

BESIDE = frozenset(
    {
        "comm_info_request",
        "complete_request",
        "history_request",
        "inspect_request",
        "is_complete_request",
        "kernel_info_request",
    }
)
"""Requests that change nothing; each handler is told whose request it is, and asks for no parent."""
_STOP_ABORTING = b"stop aborting"
"""ipykernel's own message to itself."""


class Dispatch(Kernel):
    """A kernel that answers questions while a cell runs."""

    running: Mapping[str, Any] | None = None
    """The request whose cell runs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        comms.serve(self)

    async def shell_main(self, subshell_id: str | None, msg: Any) -> None:
        """Answer at once, or in turn.

        A request that is answered beside a cell never becomes the parent that others look up, so the cell's outputs
        remain the cell's.
        """
        if self.shell_channel_thread is None and self._kind(msg) in BESIDE:
            await self._answer(msg)
        else:
            await super().shell_main(subshell_id, msg)

    def _kind(self, msg: Any) -> str:
        """Return the type from the header alone; whoever takes the message checks its signature."""
        try:
            _, frames = self.session.feed_identities(msg, copy=False)  # type: ignore[union-attr]
            return str(self.session.unpack(frames[1].bytes)["msg_type"])  # type: ignore[union-attr]
        except Exception:
            return ""

    async def _answer(self, msg: Any) -> None:
        session = self.session
        if session is None:
            return
        try:
            ident, frames = session.feed_identities(msg, copy=False)
            request = session.deserialize(frames, content=True, copy=False)
        except Exception:
            self.log.exception("Invalid Message")
            return
        self._publish_status("busy", "shell", request)  # type: ignore[no-untyped-call]
        try:
            await self.shell_handlers[request["header"]["msg_type"]](self.shell_stream, ident, request)
        except Exception as error:
            self.log.exception("Exception in message handler:")
            kind = request["header"]["msg_type"].replace("request", "reply")
            content = {"status": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": []}
            session.send(self.shell_stream, kind, content, request, ident=ident)
        self._publish_status_and_flush("idle", "shell", self.shell_stream, request)  # type: ignore[no-untyped-call]
        if self.running is not None:
            # Front ends show the last status, whosoever it is, and the kernel is not idle.
            self._publish_status("busy", "shell", self.running)  # type: ignore[no-untyped-call]

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Abort all cells that are queued by now.

        Without subshells the base class takes the order back before the second of them has seen it. So this queues up
        behind them the message by which it ends the order with subshells.
        """
        if self.shell_channel_thread is not None or self.shell_stream is None:
            super()._abort_queues(subshell_id)
            return
        self._aborting = True
        self.shell_stream.flush(zmq.POLLIN)
        self.io_loop.call_later(self.stop_on_error_timeout, self.shell_main, subshell_id, [zmq.Frame(_STOP_ABORTING)])
