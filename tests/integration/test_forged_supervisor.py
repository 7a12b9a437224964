"""Laws of a kernel whose sandbox has been taken over.

Whatever it says, the cell ends with a typed error in bounded time and memory, and the next cell runs.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bun_sandbox_kernel import lease
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.wire import PROTOCOL
from tests.integration.fake_supervisor import (
    END,
    HEAD,
    HELLO,
    OUTPUT,
    QUESTION,
    SECONDS,
    Forgery,
    Kernel,
    Launch,
    Sandbox,
    answers,
    chunk,
    endless,
    events,
    forget_peak,
    line,
    lives,
    nothing_more,
    says,
    text,
)

Start = Callable[[dict[str, Forgery]], Awaitable[tuple[Kernel, Sandbox]]]


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Yield what makes a kernel on a server with forgeries; the next sandbox of this kernel is honest."""
    sandboxes: list[Sandbox] = []
    servers: list[asyncio.Server] = []
    kernels: list[Kernel] = []

    async def sandbox(forged: dict[str, Forgery]) -> Sandbox:
        path = tmp_path / f"{len(servers)}.sock"
        made = Sandbox(path, forged)
        sandboxes.append(made)
        servers.append(await asyncio.start_unix_server(made.accept, str(path)))
        return made

    async def begin(forged: dict[str, Forgery]) -> tuple[Kernel, Sandbox]:
        first, second = await sandbox(forged), await sandbox({})
        monkeypatch.setattr(lease, "Launch", lambda _: Launch(second))
        kernel = Kernel()
        kernels.append(kernel)
        kernel.adopt(Launch(first), lambda _: SandboxPolicy())  # type: ignore[arg-type]
        forget_peak()
        return kernel, first

    yield begin
    for kernel in kernels:
        await kernel._close()
    for server, served in zip(servers, sandboxes, strict=True):
        server.close()
        await served.close()
    await asyncio.sleep(0)


# -- a cell's own answer -----------------------------------------------------------------------------------------------

CELL_ENDS: dict[str, tuple[str, Forgery]] = {
    "no HTTP": ("SandboxDied", says(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")),
    "zeros": ("SandboxDied", says(bytes(1000))),
    "nothing": ("SandboxDied", says()),
    "half a head": ("SandboxDied", says(HEAD[:20])),
    "endless headers": ("SandboxDied", endless(b"X: y\r\n" * 1000, b"HTTP/1.1 200 OK\r\n")),
    "a header without end": ("SandboxDied", endless(b"y" * 65536, b"HTTP/1.1 200 OK\r\nX: ")),
    "an endless status line": ("SandboxDied", endless(b"0" * 65536, b"HTTP/1.1 2")),
    "informational answers": ("SandboxDied", endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)),
    "two lengths": ("SandboxDied", says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}")),
    "a negative length": ("SandboxDied", says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")),
    "a length beyond the body": ("SandboxDied", says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}")),
    "no chunk size": ("SandboxDied", says(HEAD, b"nonsense\r\n")),
    "a negative chunk": ("SandboxDied", says(HEAD, b"-1\r\n")),
    "a chunk beyond counting": ("SandboxDied", says(HEAD, b"F" * 100 + b"\r\n")),
    "a chunk of another size": ("SandboxDied", says(HEAD, b"1\r\n" + line(END) + b"\r\n")),
    "an endless chunk size": ("SandboxDied", endless(b"0" * 65536, HEAD)),
    "an endless chunk extension": ("SandboxDied", endless(b"x" * 65536, HEAD, b"1;")),
    "endless trailers": ("SandboxDied", endless(b"X: y\r\n" * 1000, HEAD, b"0\r\n")),
    "a connection closed in a line": ("SandboxDied", says(HEAD, chunk(line(OUTPUT)), chunk(b'{"type":'))),
    "no end": ("SandboxDied", events(OUTPUT)),
    "an empty body": ("SandboxDied", answers(b"200 OK", b"")),
    "a refusal": ("SandboxError", answers(b"500 Internal Server Error")),
    "a redirect": ("SandboxError", answers(b"302 Found")),
    "no content": ("SandboxError", says(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")),
    "an impossible status": ("SandboxDied", says(b"HTTP/1.1 99999 Odd\r\n\r\n")),
    "a conflict": ("Busy", answers(b"409 Conflict")),
    "an endless refusal": ("PeerError", endless(chunk(b"x" * 65536), HEAD.replace(b"200", b"500"))),
    "a refusal that says nothing": ("SandboxDied", nothing_more(HEAD.replace(b"200", b"500"))),
    "a line without end": ("PeerError", endless(chunk(b"x" * 65536), HEAD)),
    "a line of 1 GiB": ("PeerError", endless(b"x" * 65536, b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")),
    "no UTF-8": ("PeerError", text(b"\xff\xfe")),
    "no JSON": ("PeerError", text(b"{'type': 'end'}")),
    "no object": ("PeerError", text(b"[]")),
    "an event of no known type": ("PeerError", events({"type": "reboot"})),
    "a type that is no text": ("PeerError", events({"type": ["end"]})),
    "text that is a number": ("PeerError", events({**OUTPUT, "text": 7})),
    "a time that is text": ("PeerError", events({**END, "wall_ms": "1"})),
    "a flag that is a number": ("PeerError", events({**QUESTION, "password": 0})),
    "an unknown outcome": ("PeerError", events({**END, "outcome": "fine"})),
    "a number that is none": ("PeerError", text(b'{"type":"result","data":{"application/json":NaN},"metadata":{}}')),
    "an infinite number": ("PeerError", text(b'{"type":"result","data":{"application/json":1e999},"metadata":{}}')),
    "a number of 5000 digits": ("PeerError", text(b'{"type":"end","wall_ms":' + b"9" * 5000 + b"}")),
    "deep nesting": ("PeerError", text(b'{"type":"result","data":{"application/json":' + b"[" * 400_000)),
    "a large tree": ("PeerError", text(b'{"type":"result","data":{"a/b":[' + b"[]," * 600_000 + b"[]]}}")),
    "a text without end": ("PeerError", text(b'"' + b'\\"' * 5_000_000 + b"[" * 600_000)),
    "a second result": ("PeerError", events(*[{"type": "result", "data": {}, "metadata": {}}] * 2, END)),
    "an event of the other stream": ("PeerError", events({"type": "late", "execution": "cell", "event": OUTPUT})),
}


@pytest.mark.parametrize(("ename", "forgery"), CELL_ENDS.values(), ids=CELL_ENDS)
async def test_an_unlawful_answer_ends_the_cell_with_a_typed_error_and_the_next_one_runs(
    start: Start, ename: str, forgery: Forgery
) -> None:
    kernel, sandbox = await start({"/execute": forgery})
    async with asyncio.timeout(SECONDS):
        reply = await kernel.run()
    assert (reply["status"], reply["ename"]) == ("error", ename)
    assert "Please report" not in reply["evalue"]
    await lives(kernel)
    assert sandbox.stopped is (ename in {"SandboxDied", "PeerError"})


LAWFUL: dict[str, Forgery] = {
    "two ends": events(END, END),
    "output after the end": events(END, OUTPUT, {"type": "reboot"}),
    "bytes after the answer": says(HEAD, chunk(line(END)), b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", bytes(100)),
    "an answer without its end": nothing_more(HEAD, chunk(line(END))),
    "a tree too deep to show": text(
        b'{"type":"result","data":{"application/json":' + b"[" * 500 + b"]" * 500 + b'},"metadata":{}}\n' + line(END)
    ),
    "an answer after a silence": nothing_more(HEAD, seconds=6, then=chunk(line(END)) + b"0\r\n\r\n"),
    "an answer byte for byte": says(HEAD, *[chunk(bytes([byte])) for byte in line(END)], b"0\r\n\r\n"),
    "an answer to a question that nobody has": events({**QUESTION, "id": -(10**4000)}, END),
}


@pytest.mark.parametrize("forgery", LAWFUL.values(), ids=LAWFUL)
async def test_what_follows_the_end_or_comes_late_harms_neither_this_cell_nor_the_next(
    start: Start, forgery: Forgery
) -> None:
    kernel, sandbox = await start({"/execute": forgery})
    async with asyncio.timeout(SECONDS):
        assert (await kernel.run())["status"] == "ok"
    await lives(kernel)
    assert not sandbox.stopped


ENDLESS: dict[str, Forgery] = {
    "silence": nothing_more(),
    "silence after the head": nothing_more(HEAD),
    "a head of one byte per second": endless(b"H", pause=1),
    "a line of one byte per second": endless(chunk(b"x"), HEAD, pause=1),
    "output": endless(chunk(line(OUTPUT) * 1000), HEAD),
    "questions": endless(chunk(line(QUESTION) * 100), HEAD),
    "empty lines": endless(chunk(b"\n" * 10_000), HEAD),
    "large outputs": endless(chunk(line({**OUTPUT, "text": "x" * 8_000_000})), HEAD),
}


@pytest.mark.parametrize("forgery", ENDLESS.values(), ids=ENDLESS)
async def test_an_endless_answer_ends_with_the_interrupt(start: Start, forgery: Forgery) -> None:
    kernel, sandbox = await start({"/execute": forgery})
    cell = asyncio.ensure_future(kernel.run())
    await asyncio.sleep(1.5)
    assert not cell.done()
    kernel._interrupt()
    async with asyncio.timeout(SECONDS):
        reply = await cell
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert "variables are gone" in reply["evalue"]
    await lives(kernel)
    assert sandbox.stopped


@pytest.mark.parametrize(
    "forgery",
    [nothing_more(), says(b"nonsense"), answers(b"500 No"), endless(b"x", HEAD, pause=0.5)],
    ids=["silence", "nonsense", "refusal", "drip"],
)
async def test_an_interrupt_that_is_not_answered_ends_the_sandbox(start: Start, forgery: Forgery) -> None:
    kernel, sandbox = await start({"/execute": nothing_more(HEAD), "/interrupt": forgery})
    cell = asyncio.ensure_future(kernel.run())
    await asyncio.sleep(0.5)
    kernel._interrupt()
    async with asyncio.timeout(SECONDS):
        assert (await cell)["ename"] == "KeyboardInterrupt"
    await lives(kernel)
    assert sandbox.stopped


# -- the line ----------------------------------------------------------------------------------------------------------

GREETED = (HEAD, chunk(line(HELLO)))
LATE = {"type": "late", "execution": "nobody's", "event": OUTPUT}
LINES: dict[str, Forgery] = {
    "silence": nothing_more(*GREETED),
    "silence, and a sign of life too late": nothing_more(*GREETED, seconds=5, then=chunk(line({"type": "alive"}))),
    "a line of one byte per second": endless(chunk(b"x"), *GREETED, pause=1),
    "empty lines": endless(chunk(b"\n" * 1000), *GREETED, pause=0.01),
    "a line without end": endless(chunk(b"x" * 65536), *GREETED),
    "its end": says(*GREETED, b"0\r\n\r\n"),
    "a hang-up": says(*GREETED),
    "chunked nonsense": says(*GREETED, b"nonsense\r\n"),
    "no JSON": says(*GREETED, chunk(b"nonsense\n")),
    "an end that comes late": says(*GREETED, chunk(line({**LATE, "event": END}))),
    "a question that comes late": says(*GREETED, chunk(line({**LATE, "event": QUESTION}))),
    "an execution that is a number": says(*GREETED, chunk(line({**LATE, "execution": 7}))),
    "an event of the other stream": says(*GREETED, chunk(line(OUTPUT))),
}


@pytest.mark.parametrize("forgery", LINES.values(), ids=LINES)
async def test_an_unlawful_line_ends_the_cell_that_runs_within_5_seconds(start: Start, forgery: Forgery) -> None:
    kernel, sandbox = await start({"/execute": nothing_more(HEAD), "/events": forgery})
    started = time.monotonic()
    async with asyncio.timeout(SECONDS):
        reply = await kernel.run()
    assert time.monotonic() - started < 5
    assert (reply["status"], reply["ename"]) == ("error", "SandboxDied")
    await lives(kernel)
    assert sandbox.stopped


GREETINGS: dict[str, tuple[str, Forgery]] = {
    "none": ("SandboxDied", nothing_more()),
    "none after the head": ("SandboxDied", nothing_more(HEAD)),
    "its end": ("SandboxDied", events()),
    "endless headers": ("SandboxDied", endless(b"X: y\r\n" * 1000, b"HTTP/1.1 200 OK\r\n")),
    "another event": ("PeerError", events(LATE)),
    "another protocol": ("VersionMismatch", events({**HELLO, "protocol": PROTOCOL - 1})),
    "a protocol that is text": ("PeerError", events({**HELLO, "protocol": str(PROTOCOL)})),
    "a refusal": ("SandboxError", answers(b"401 Unauthorized")),
}


@pytest.mark.parametrize(("ename", "forgery"), GREETINGS.values(), ids=GREETINGS)
async def test_a_sandbox_that_does_not_greet_is_ended(start: Start, ename: str, forgery: Forgery) -> None:
    kernel, sandbox = await start({"/events": forgery})
    async with asyncio.timeout(SECONDS):
        reply = await kernel.run()
    assert (reply["status"], reply["ename"]) == ("error", ename)
    await lives(kernel)
    assert sandbox.stopped


FLOODS: dict[str, object] = {
    "late outputs of executions that nobody knows": LATE,
    "late outputs of a cell": {**LATE, "execution": "cell"},
    "lost workers": {"type": "worker", "state": "lost", "message": "x"},
    "greetings": HELLO,
    "signs of life": {"type": "alive"},
}


@pytest.mark.parametrize("event", FLOODS.values(), ids=FLOODS)
async def test_a_flood_on_the_line_holds_up_no_cell(start: Start, event: object) -> None:
    flood = endless(chunk(line(event) * 1000), *GREETED)
    kernel, _ = await start({"/events": flood, "/execute": nothing_more(HEAD, seconds=2, then=chunk(line(END)))})
    async with asyncio.timeout(SECONDS):
        assert (await kernel.run())["status"] == "ok"
    await lives(kernel)


# -- answers to questions ----------------------------------------------------------------------------------------------

MATCH = {"text": "x", "kind": "", "signature": ""}
COMPLETIONS: dict[str, Forgery] = {
    "silence": nothing_more(),
    "a drip": endless(b"H", pause=0.3),
    "nonsense": says(b"nonsense"),
    "no JSON": answers(b"200 OK", b"nonsense"),
    "deep nesting": answers(b"200 OK", b"[" * 500_000),
    "more than is read": endless(chunk(b" " * 65536), HEAD),
    "places outside the code": answers(b"200 OK", json.dumps({"start": -9, "end": 10**30, "matches": []}).encode()),
    "matches of a wrong type": answers(b"200 OK", b'{"start":0,"end":1,"matches":[7]}'),
    "more matches than are read": answers(
        b"200 OK", json.dumps({"start": 0, "end": 1, "matches": [MATCH] * 15_000}).encode()
    ),
}


@pytest.mark.parametrize("forgery", COMPLETIONS.values(), ids=COMPLETIONS)
async def test_an_unlawful_answer_to_a_question_is_an_empty_answer_and_cells_run(
    start: Start, forgery: Forgery
) -> None:
    kernel, _ = await start({"/complete": forgery})
    await kernel.run()
    async with asyncio.timeout(SECONDS):
        reply = await kernel.do_complete("x", 1)
    assert reply["status"] == "ok"
    assert len(reply["matches"]) <= 2000
    assert 0 <= reply["cursor_start"] <= reply["cursor_end"] <= 1
    await lives(kernel)


async def test_an_unlawful_answer_to_what_was_typed_does_not_hold_up_the_cell(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def typed(*_: Any) -> str:
        await asyncio.sleep(0)
        return "Ada"

    monkeypatch.setattr(Kernel, "_ask_user", typed)
    kernel, _ = await start(
        {
            "/execute": nothing_more(HEAD, chunk(line(QUESTION)), seconds=0.5, then=chunk(line(END))),
            "/input": says(b"nonsense"),
        }
    )
    async with asyncio.timeout(SECONDS):
        assert (await kernel.run())["status"] == "ok"
    await lives(kernel)
