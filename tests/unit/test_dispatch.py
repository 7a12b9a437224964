from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

from bun_sandbox_kernel.dispatch import BESIDE, Dispatch

QUEUED = 8


class Kernel(Dispatch):
    """Cells wait to be let go; completions name the parent that they see."""

    implementation = "test"
    implementation_version = "0"
    banner = ""
    language_info = {"name": "none"}  # noqa: RUF012

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.go = asyncio.Event()

    async def do_execute(self, code: str, *_: Any, **__: Any) -> dict[str, Any]:
        self.running = self.get_parent("shell")  # type: ignore[no-untyped-call]
        try:
            await self.go.wait()
            assert self.get_parent("shell") is self.running  # type: ignore[no-untyped-call]
        finally:
            self.running = None
        return {"status": code, "execution_count": 1, "ename": "", "evalue": "", "traceback": []}

    async def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        if code == "broken":
            raise ValueError(code)
        if code == "slow":
            await asyncio.sleep(60)
        return {"status": "ok", "matches": [code], "cursor_start": 0, "cursor_end": cursor_pos, "metadata": {}}


class FrontEnd:
    """Both of its channels."""

    def __init__(self, socket: zmq.Socket[bytes], session: Session) -> None:
        self.socket = socket
        self.session = session
        self.published: list[tuple[str, str, str]] = []

    def send_multipart(self, frames: list[bytes], **_: Any) -> None:
        """Take what is published."""
        content = self.session.unpack(frames[-1])
        parent = self.session.unpack(frames[-3])
        if content.get("execution_state") in ("busy", "idle"):
            self.published.append((content["execution_state"], parent["msg_type"], parent["msg_id"]))

    def send(self, kind: str, **content: Any) -> str:
        message = self.session.send(self.socket, kind, content)
        assert message is not None
        return str(message["header"]["msg_id"])

    def execute(self, outcome: str) -> str:
        return self.send("execute_request", code=outcome, silent=False, stop_on_error=True)

    async def reply(self) -> tuple[str, str]:
        async with asyncio.timeout(5):
            while True:
                _, message = self.session.recv(self.socket, zmq.NOBLOCK)
                if message is not None:
                    return message["parent_header"]["msg_id"], message["content"]["status"]
                await asyncio.sleep(0.001)


@pytest.fixture
async def started() -> AsyncIterator[tuple[Kernel, FrontEnd]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.bind("inproc://shell")
    dealer.connect("inproc://shell")
    session = Session(key=b"secret")
    front_end = FrontEnd(dealer, session.clone())
    kernel = Kernel(session=session, log=logging.getLogger(__name__))
    kernel.shell_stream = ZMQStream(router)
    kernel.iopub_socket = front_end
    kernel.start()  # type: ignore[no-untyped-call]
    yield kernel, front_end
    kernel.shell_stream.close()
    context.destroy(linger=0)


REQUESTS: dict[str, dict[str, Any]] = {
    "comm_info_request": {},
    "complete_request": {"code": "x", "cursor_pos": 1},
    "history_request": {"hist_access_type": "tail", "raw": True, "output": False},
    "inspect_request": {"code": "x", "cursor_pos": 1},
    "is_complete_request": {"code": "x"},
    "kernel_info_request": {},
}


@pytest.mark.parametrize("kind", sorted(BESIDE))
async def test_a_question_is_answered_while_a_cell_runs(started: tuple[Kernel, FrontEnd], kind: str) -> None:
    kernel, front_end = started
    cell = front_end.execute("ok")
    await asyncio.sleep(0.05)
    question = front_end.send(kind, **REQUESTS[kind])
    assert (await front_end.reply())[0] == question
    await asyncio.sleep(0.05)
    assert front_end.published == [
        ("busy", "execute_request", cell),
        ("busy", kind, question),
        ("idle", kind, question),
        ("busy", "execute_request", cell),
    ]
    kernel.go.set()
    assert await front_end.reply() == (cell, "ok")
    assert front_end.published[4:] == [("idle", "execute_request", cell)]


async def test_a_slow_answer_holds_no_cell(started: tuple[Kernel, FrontEnd]) -> None:
    kernel, front_end = started
    front_end.send("complete_request", code="slow", cursor_pos=1)
    kernel.go.set()
    cell = front_end.execute("ok")
    assert await front_end.reply() == (cell, "ok")


async def test_without_a_cell_a_question_ends_idle_even_if_its_answer_failed(started: tuple[Kernel, FrontEnd]) -> None:
    _, front_end = started
    question = front_end.send("complete_request", code="broken", cursor_pos=1)
    assert await front_end.reply() == (question, "error")
    await asyncio.sleep(0.05)
    assert front_end.published == [("busy", "complete_request", question), ("idle", "complete_request", question)]


async def test_what_is_no_message_breaks_nothing(started: tuple[Kernel, FrontEnd]) -> None:
    _, front_end = started
    front_end.socket.send_multipart([b"<IDS|MSG>", b"forged", b'{"msg_type":"complete_request"}', b"{}", b"{}", b"{}"])
    front_end.socket.send_multipart([b"nonsense"])
    asked = front_end.send("complete_request", code="x", cursor_pos=1)
    assert await front_end.reply() == (asked, "ok")


@pytest.mark.parametrize("seconds", [0, 0.05], ids=["unread", "read"])
async def test_an_error_aborts_all_that_is_queued_and_nothing_later(
    started: tuple[Kernel, FrontEnd], seconds: float
) -> None:
    kernel, front_end = started
    front_end.execute("error")
    await asyncio.sleep(0.05)
    for _ in range(QUEUED):
        front_end.execute("ok")
    await asyncio.sleep(seconds)
    kernel.go.set()
    statuses = [(await front_end.reply())[1] for _ in range(QUEUED + 1)]
    assert statuses == ["error"] + ["aborted"] * QUEUED
    await asyncio.sleep(0.05)
    later = front_end.execute("ok")
    assert await front_end.reply() == (later, "ok")
    assert front_end.published[-1] == ("idle", "execute_request", later)
