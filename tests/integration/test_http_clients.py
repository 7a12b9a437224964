"""What hostile clients cannot do to a container that serves many, and to the others."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.conftest import eventually
from tests.integration.served import Served, docker, served

MEGABYTE = 1 << 20
HEADERS = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 900) for number in range(2000))
NO_REQUESTS = {
    "flood of headers": b"GET /health HTTP/1.1\r\nHost: x\r\n" + HEADERS + b"\r\n",
    "endless path": b"GET /" + b"x" * MEGABYTE + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "negative length": b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "bad chunk": b"POST /execute HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}
BAD_BODIES = {
    "words": (b"code", 400),
    "array": (b"[]", 400),
    "empty object": (b"{}", 400),
    "not UTF-8": (b"\xff\xfe", 400),
    "nothing": (b"", 400),
    "number": (b'{"code": 1}', 400),
    "null": (b'{"code": null}', 400),
    "negative limit": (b'{"code": "1", "timeout_ms": -1}', 400),
    "limit that is null": (b'{"code": "1", "timeout_ms": null}', 400),
    "colour that is null": (b'{"code": "1", "color": null}', 400),
    "file that is null": (b'{"code": "1", "file": null}', 400),
    "session that is no name": (b'{"code": "1", "session": 5}', 400),
    "unknown session": (b'{"code": "1", "session": "none"}', 404),
    "100 MB": (b"x" * (100 * MEGABYTE), 413),
}


@pytest.mark.parametrize(("body", "status"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_and_the_next_served(box: Served, body: bytes, status: int) -> None:
    answer = box.client.post("/execute", content=body)
    assert (answer.status_code, set(answer.json()["error"])) == (status, {"code", "message"})
    box.lives()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_a_wrong_verb_is_refused_and_the_right_one_named(box: Served, method: str) -> None:
    answer = box.client.request(method, "/execute")
    assert (answer.status_code, answer.headers["allow"]) == (httpx.codes.METHOD_NOT_ALLOWED, "POST")


def test_two_executions_of_one_session_do_not_meet(box: Served) -> None:
    session = box.client.post("/sessions", json={}).json()["session"]
    with ThreadPoolExecutor() as pool:
        first = pool.submit(box.execute, "await Bun.sleep(500); 1", session=session)
        assert eventually(lambda: box.state()["running"] == 1)
        assert box.client.post("/execute", json={"code": "2", "session": session}).status_code == httpx.codes.CONFLICT
        assert first.result()["outcome"] == "ok"
    assert box.client.delete(f"/sessions/{session}").status_code == httpx.codes.NO_CONTENT
    assert session not in docker("logs", box.name), "whoever reads the log could use the session"


def test_clients_that_send_a_byte_now_and_then_keep_nobody_from_being_served(box: Served) -> None:
    lines = [connect(box) for _ in range(300)]
    for line in lines:
        line.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\n")
    box.lives()
    assert eventually(lambda: is_closed(lines[0]), 40)
    for line in lines:
        line.close()


def test_a_body_that_does_not_come_is_not_waited_for(box: Served) -> None:
    with connect(box) as line:
        line.sendall(b'POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"code"')
        assert b" 408 " in line.makefile("rb").readline()
    box.lives()


def test_bodies_that_lack_their_end_do_not_take_the_memory_of_all(box: Served) -> None:
    lines = [connect(box) for _ in range(120)]
    for line in lines:
        line.settimeout(5)
        try:
            line.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 1048570\r\n\r\n" + b"x" * 1_000_000)
        except (TimeoutError, ConnectionError):
            continue
    box.lives()
    for line in lines:
        line.close()


def test_answers_that_nobody_reads_do_not_take_the_memory_of_all(box: Served) -> None:
    code = json.dumps({"code": "console.log('\\u0001'.repeat(1e6))"}).encode()
    lines = [connect(box) for _ in range(30)]
    for line in lines:
        line.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(code) + code)
    box.lives()
    for line in lines:
        line.close()


def test_answers_as_large_as_they_may_be_leave_the_supervisor_memory_to_live(engine: DockerEngine) -> None:
    """In JSON each of these bytes takes six."""
    with served(environment={"MAX_OUTPUT": "10m"}) as box, ThreadPoolExecutor() as pool:
        answers = pool.map(box.printed, ["console.log('\\u0001'.repeat(11e6))"] * 6)
        assert {len(printed) for printed in answers} == {10 * MEGABYTE}
        box.lives()


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_an_answer_that_nobody_reads_is_dropped_once_its_execution_has_ended(engine: DockerEngine, accept: str) -> None:
    code = json.dumps({"code": "console.log('\\u0001'.repeat(11e6))"}).encode()
    head = f"POST /execute HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nContent-Length: {len(code)}\r\n\r\n".encode()
    with served(environment={"MAX_OUTPUT": "10m"}) as box:
        lines = [connect(box) for _ in range(12)]
        for line in lines:
            line.sendall(head + code)
        assert eventually(lambda: connections(box) == len(lines))
        assert eventually(lambda: connections(box) == 0, 60)
        box.lives()
        for line in lines:
            line.close()


def connections(box: Served) -> int:
    """Count those that the supervisor keeps open on 9998 (proc_net_tcp of Linux: local address, then state 01)."""
    pid = docker("inspect", "--format={{.State.Pid}}", box.name).strip()
    tables = [Path(f"/proc/{pid}/net/{name}").read_text("ascii") for name in ("tcp", "tcp6")]
    rows = [row.split() for table in tables for row in table.splitlines()[1:]]
    return sum(local.endswith(f":{9998:04X}") and state == "01" for _, local, _, state, *_ in rows)


@pytest.mark.parametrize("request_bytes", NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_what_is_no_request_is_refused_or_hung_up_on(box: Served, request_bytes: bytes) -> None:
    with connect(box) as line:
        try:
            line.sendall(request_bytes)
            first = line.makefile("rb").readline()
        except ConnectionError:
            first = b""
    assert first == b"" or first.split()[1].startswith(b"4")
    box.lives()


@pytest.mark.parametrize("host", ["Host: a b", "Host:", "Host: x:99999", "Host: a/b", "X-Forwarded-Host: z"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_whatever_a_request_says_of_hosts_it_is_answered(box: Served, host: str, version: str) -> None:
    with socket.create_connection(("127.0.0.1", box.port(9999)), timeout=30) as line:
        line.sendall(f"GET /health/live HTTP/{version}\r\n{host}\r\nConnection: close\r\n\r\n".encode())
        answer = line.makefile("rb").read()
    # HTTP/1.1 wants a host (RFC 9112, section 3.2).
    is_refused = version == "1.1" and not host.startswith("Host:")
    assert answer.split()[1] == (b"400" if is_refused else b"200")
    box.log()


@pytest.mark.parametrize("path", ["//x/metrics", "/./../metrics/../nothing", "@x/metrics", "*"])
def test_a_path_is_what_is_asked_for_and_no_other(box: Served, path: str) -> None:
    with connect(box) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert line.makefile("rb").read().split()[1] in {b"400", b"404"}


def connect(box: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", box.port(9998)), timeout=30)


def is_closed(line: socket.socket) -> bool:
    line.settimeout(0.05)
    try:
        line.recv(1000)
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True
