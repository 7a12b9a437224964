"""A server in the place of a sandbox that breaks one law, once, and the real kernel object in front of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from bun_sandbox_kernel.engines import Endpoint, Unix
from bun_sandbox_kernel.kernel import BunSandboxKernel
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.selfcheck import Proven
from bun_sandbox_kernel.wire import PROTOCOL

Forgery = Callable[[asyncio.StreamWriter], Awaitable[None]]

END = {
    "type": "end",
    "outcome": "ok",
    "state": "kept",
    "message": "",
    "exit_code": None,
    "wall_ms": 1,
    "cpu_ms": 1,
    "peak_memory_bytes": 1,
    "output_bytes": 0,
    "dropped_bytes": 0,
}
HELLO = {"type": "hello", "protocol": PROTOCOL}
OUTPUT = {"type": "stream", "name": "stdout", "text": "x"}
QUESTION = {"type": "input", "id": 1, "prompt": "", "password": False}
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
SECONDS = 15
"""Longer than every deadline of the kernel's own."""
PEAK_BYTES = 400 << 20
"""A line has at most 16 MiB; as text, as a tree and on its way in it is held a few times at once."""


# -- what a server sends -----------------------------------------------------------------------------------------------


def line(event: object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def says(*pieces: bytes) -> Forgery:
    """Send these bytes and hang up."""

    async def forge(writer: asyncio.StreamWriter) -> None:
        writer.writelines(pieces)
        await writer.drain()

    return forge


def events(*values: object) -> Forgery:
    """Send these events properly."""
    return says(HEAD, chunk(b"".join(map(line, values))), b"0\r\n\r\n")


def text(data: bytes) -> Forgery:
    """Send these lines properly, whatever they hold."""
    return says(HEAD, chunk(data + b"\n"), b"0\r\n\r\n")


def endless(piece: bytes, *before: bytes, pause: float = 0) -> Forgery:
    """Send one thing again and again."""

    async def forge(writer: asyncio.StreamWriter) -> None:
        writer.writelines(before)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return forge


def nothing_more(*before: bytes, seconds: float = 60, then: bytes = b"") -> Forgery:
    """Send this and stay silent."""

    async def forge(writer: asyncio.StreamWriter) -> None:
        writer.writelines(before)
        await writer.drain()
        await asyncio.sleep(seconds)
        writer.write(then)
        await writer.drain()

    return forge


def answers(status: bytes, body: bytes = b"{}") -> Forgery:
    return says(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


HONEST: dict[str, Forgery] = {
    "/events": endless(chunk(line({"type": "alive"})), HEAD, chunk(line(HELLO)), pause=0.5),
    "/execute": events(END),
    "/interrupt": answers(b"200 OK", b'{"interrupted":true}'),
    "/input": answers(b"200 OK", b'{"accepted":true}'),
    "/health": answers(b"200 OK", b'{"version":"0","bun":"0","restarts":0}'),
    "/complete": answers(b"200 OK", b'{"about":"complete","start":0,"end":1,"matches":[]}'),
}


class Sandbox:
    """A server in a sandbox's place. Each forgery is used once, by whoever comes first."""

    id = "forged"
    secret = "secret"  # noqa: S105  (of nothing)

    def __init__(self, path: Path, forged: dict[str, Forgery]) -> None:
        self.endpoint: Endpoint = Unix(path)
        self.forged = forged
        self.stopped = False
        self.serving: set[asyncio.Task[None]] = set()

    def image(self) -> str:
        return "forged"

    def stop(self) -> None:
        self.stopped = True

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.ensure_future(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(int(field[15:]) for field in head.split(b"\r\n") if field.startswith(b"Content-Length:"))
            await reader.readexactly(size)
            path = head.split()[1].decode()
            await self.forged.pop(path, HONEST[path])(writer)
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()

    async def close(self) -> None:
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving)


class Launch:
    """A sandbox that is there already."""

    progress = None

    def __init__(self, sandbox: Sandbox) -> None:
        self.proven: Future[Proven] = Future()
        self.proven.set_result(Proven(sandbox, SandboxPolicy(), [], time.time()))  # type: ignore[arg-type]

    def abandon(self) -> None:
        """Leave it to the test."""


class Kernel(BunSandboxKernel):
    """The kernel, with no sockets of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = 0

    def get_parent(self, _: str | None = None) -> dict[str, Any]:
        return {"header": {"msg_id": "cell"}}

    def _send(self, *_: Any) -> None:
        self.shown += 1

    async def _ask_user(self, *_: Any) -> str | None:
        await asyncio.sleep(60)
        return None

    async def run(self) -> dict[str, Any]:
        return await self.do_execute("1", silent=False, store_history=False)


def forget_peak() -> None:
    """See ``clear_refs`` in proc(5)."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return 1024 * next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmHWM:"))


async def lives(kernel: Kernel) -> None:
    """Assert that the next cell runs, and that nothing has filled the memory."""
    assert peak_bytes() < PEAK_BYTES
    async with asyncio.timeout(SECONDS):
        assert (await kernel.run())["status"] == "ok"
