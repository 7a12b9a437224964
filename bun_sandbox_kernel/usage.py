"""The answer to ``usage_request``, by which jupyter-resource-usage shows what a kernel takes.

Law: it says what the sandbox takes and not this process, comes within a second, and never fails.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

from .dispatch import Dispatch
from .lease import Lease
from .monitor import Monitor
from .views.stats import Usage

_ANSWER_SECONDS = 0.9
_LONGEST_SECONDS = 1.0
"""The main thread may be at something else."""


class UsageReplies(Dispatch):
    """A kernel that says what its sandbox uses."""

    _lease: Lease
    _monitor: Monitor
    _loop: asyncio.AbstractEventLoop

    async def usage_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Answer with what is known. Runs on the control thread, while the sandbox belongs to the main one.

        Fields are those of ipykernel (kernelbase.py, since 6.11): percent of one core, and bytes.
        """
        content: dict[str, Any] = {"hostname": socket.gethostname(), "pid": os.getpid(), **_host()}
        with suppress(Exception):
            asked = asyncio.run_coroutine_threadsafe(self._sandbox_usage(), self._loop)
            usage = await asyncio.wait_for(asyncio.wrap_future(asked), _LONGEST_SECONDS)
            if usage is not None:
                content |= {"kernel_cpu": round(usage.cpu_cores * 100, 1), "kernel_memory": usage.stats.memory_bytes}
        if self.session is not None:
            self.session.send(stream, "usage_reply", content, parent, ident)

    async def _sandbox_usage(self) -> Usage | None:
        """Return a new reading, or the last one when the engine takes its time."""
        proven = self._lease.proven
        if self._lease.session is None or proven is None:
            return None
        with suppress(Exception):
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._monitor.read(proven)
        return self._monitor.latest(proven.sandbox)


def _host() -> dict[str, Any]:
    try:
        import psutil
    except ImportError:
        return {"cpu_count": os.cpu_count()}
    percent = psutil.cpu_percent()
    host = {"cpu_count": psutil.cpu_count(), "host_virtual_memory": psutil.virtual_memory()._asdict()}
    return {**host, "host_cpu_percent": percent} if percent else host  # psutil's first answer is 0.0 and means nothing
