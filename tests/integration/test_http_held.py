"""What clients and programs can make the supervisor keep for them, and what it counts: bounded, whoever is hostile."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.conftest import eventually
from tests.integration.served import Served, served

MEGABYTE = 1 << 20
NDJSON = {"accept": "application/x-ndjson"}
FORGED_QUESTIONS = """
const fs = require("node:fs"), [kind, channel] = [3, 3];
const report = { type: "input", id: 1, input: 1, prompt: "x".repeat(3900), password: false, blocking: false };
const end = Date.now() + 2500;
while (Date.now() < end) {
  const line = JSON.stringify(report) + "\\n", frame = Buffer.alloc(7 + line.length);
  report.input += STEP;
  frame[0] = kind; frame.writeUInt16LE(line.length, 5); frame.write(line, 7);
  try { fs.writeSync(channel, frame) } catch (error) { if (error.code !== "EAGAIN") throw error }
}"""
"""Reports that an execution writes past its worker (docker/src/supervisor/frames.ts)."""


@contextmanager
def neighbour(box: Served, megabytes: int, seconds: float) -> Iterator[None]:
    """Let an execution run beside what is done, which has to come to its own end."""
    code = f"const held = new Uint8Array({megabytes} << 20).fill(1); await Bun.sleep({seconds * 1000}); held.length"
    assert box.idles()
    with ThreadPoolExecutor() as pool:
        running: Future[dict[str, Any]] = pool.submit(box.execute, code)
        assert eventually(lambda: box.state()["running"] == 1)
        yield
        assert running.result()["outcome"] == "ok"


def test_programs_that_have_ended_are_not_kept(engine: DockerEngine) -> None:
    with served() as box:
        ends = {box.execute("//" + "x" * 1_040_000)["outcome"] for _ in range(250)}
        assert ends == {"ok"}
        box.lives()


def test_questions_that_a_session_does_not_read_are_refused_and_not_kept(box: Served) -> None:
    session = box.client.post("/sessions", json={}).json()["session"]
    body = {"code": "x" * 1_000_000, "session": session}
    with neighbour(box, megabytes=60, seconds=6), ThreadPoolExecutor(40) as pool:
        pool.submit(box.execute, "process.kill(process.pid, 'SIGSTOP'); for (;;);", session=session, timeout_ms=5000)
        assert eventually(lambda: box.state()["running"] == 2)
        end = time.monotonic() + 4
        while time.monotonic() < end:
            asked = pool.map(lambda _: box.client.post("/is_complete", json=body).status_code, range(40))
            assert set(asked) <= {httpx.codes.CONFLICT, httpx.codes.TOO_MANY_REQUESTS}
    box.client.delete(f"/sessions/{session}")
    box.lives()


def test_answers_that_nobody_reads_cost_no_neighbour_its_worker(engine: DockerEngine) -> None:
    code = "process.stdout.write(('x'.repeat(4000) + '\\u4e00').repeat(2600))"
    body = json.dumps({"code": code}).encode()
    head = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with served("--cpus=2", environment={"MAX_OUTPUT": "10m"}) as box:
        with neighbour(box, megabytes=25, seconds=9):
            lines = [socket.create_connection(("127.0.0.1", box.port(9998)), timeout=30) for _ in range(20)]
            for line in lines:
                line.sendall(head + body)
        for line in lines:
            line.close()
        box.lives()


@pytest.mark.parametrize("step", [0, 1], ids=["one number", "new numbers"])
@pytest.mark.parametrize("allow_stdin", [False, True])
def test_forged_questions_are_asked_of_those_who_answer_and_count_as_output(
    engine: DockerEngine, step: int, *, allow_stdin: bool
) -> None:
    body = {"code": FORGED_QUESTIONS.replace("STEP", str(step)), "allow_stdin": allow_stdin}
    with served() as box, box.client.stream("POST", "/execute", json=body, headers=NDJSON) as answer:
        events = [json.loads(line) for line in answer.iter_lines()]
    asked = [event for event in events if event["type"] == "input"]
    assert len(asked) <= (1 if step == 0 else 100)
    assert bool(asked) is allow_stdin
    assert sum(len(event["prompt"]) for event in asked) <= MEGABYTE
    assert events[-1]["output_bytes"] >= sum(len(event["prompt"]) for event in asked)


def test_a_question_past_the_cap_on_output_has_no_answer_and_holds_nobody_up(box: Served) -> None:
    body = {"code": "console.log('x'.repeat(2e6)); console.log(prompt('Name?'))", "allow_stdin": True}
    with box.client.stream("POST", "/execute", json=body, headers=NDJSON) as answer:
        events = [json.loads(line) for line in answer.iter_lines()]
    assert [event for event in events if event["type"] == "input"] == []
    assert (events[-1]["outcome"], events[-1]["output_bytes"] > 2e6) == ("ok", True)


@pytest.mark.parametrize(
    "code", ["display({ 'text/plain': WIDE }, { raw: true })", "throw new Error(WIDE)"], ids=["display", "error"]
)
def test_the_cap_on_output_counts_bytes(box: Served, code: str) -> None:
    ran = box.execute(code.replace("WIDE", "'\\u4e00'.repeat(1e6)"))
    assert ran["output_bytes"] >= len(json.dumps([ran["displays"], ran["error"]], ensure_ascii=False).encode()) - 1000
    assert ran["output_bytes"] - ran["dropped_bytes"] <= MEGABYTE


def test_where_no_descriptor_is_left_clients_are_not_taken_for_code_inside(engine: DockerEngine) -> None:
    with served("--ulimit=nofile=1024:2048") as box:
        session = box.client.post("/sessions", json={}).json()["session"]
        head = f"PUT /file?session={session}&path=p%d HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc"
        port = box.port(9998)
        lines = []
        for number in range(900):
            line = socket.create_connection(("127.0.0.1", port), timeout=30)
            line.sendall((head % number).encode())
            lines.append(line)
        statuses = set()
        for _ in range(5):
            try:
                statuses.add(box.client.post("/execute", json={"code": "1"}, timeout=2).status_code)
            except httpx.TransportError:
                continue
        assert httpx.codes.FORBIDDEN not in statuses
        for line in lines:
            line.close()
        box.lives()
