"""The working folder as the kernel reads and writes it, by way of a supervisor whom a cell would lead astray."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from bun_sandbox_kernel.answers import WriteMode
from bun_sandbox_kernel.engines import Engine, Tcp
from bun_sandbox_kernel.errors import FileError, SandboxError
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.session import Session
from bun_sandbox_kernel.transport import Content
from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import fifo
from tests.conftest import eventually

PEAK = "Number(/VmHWM:\\s+(\\d+)/.exec(fs.readFileSync('/proc/1/status', 'utf8'))[1]) * 1024"


@pytest.fixture(autouse=True)
def _folders_are_empty(inside: Inside) -> Iterator[None]:
    yield
    inside.clear("/tmp", "/sandbox/code")


OUT = ["/proc/self/environ", "/proc/self/mem", "/proc/1/environ", "/run/bun-sandbox", "/dev/zero", "/tmp/fifo", ".."]


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(FileError) as caught:
        action()
    return caught.value.message


@pytest.mark.parametrize("target", OUT)
def test_the_supervisor_follows_no_link(inside: Inside, target: str) -> None:
    inside.run(f"{fifo('/tmp/fifo')}; fs.symlinkSync('{target}', 'link')")
    assert "no file" in refusal(lambda: inside.read("link"))
    assert "no file" in refusal(lambda: inside.write("link", b"x", "append"))
    assert "A folder on the way" in refusal(lambda: inside.read("link/environ"))


@pytest.mark.parametrize("path", ["../../proc/self/environ", "/proc/self/environ", "a/../../x", "", "a\0b", "x" * 256])
def test_the_supervisor_takes_no_path_that_leads_elsewhere(inside: Inside, path: str) -> None:
    assert "is no path" in refusal(lambda: inside.read(path))
    assert "is no path" in refusal(lambda: inside.write(path, b"x", "replace"))


def test_a_folder_that_is_swapped_for_a_link_lets_the_supervisor_neither_out_nor_in(victim: Inside) -> None:
    swap = "f.renameSync('real', 't'); f.renameSync('trap', 'real'); f.renameSync('t', 'trap')"
    victim.run(
        "fs.mkdirSync('real'); for (const name of ['environ', 'mem']) fs.writeFileSync(`real/${name}`, 'inside');"
        "fs.symlinkSync('/proc/self', 'trap');"
        f"child(`const f = require('fs'); for (;;) try {{ {swap} }} catch {{}}`); 0"
    )
    seen = set()
    for _ in range(300):
        for attempt in (lambda: victim.read("real/environ"), lambda: victim.write("real/mem", b"x", "append")):
            try:
                seen.add(b"SECRET" in outcome if isinstance(outcome := attempt(), bytes) else "written")
            except FileError:
                seen.add("refused")
    assert seen == {False, "written", "refused"}
    victim.lives()


def test_a_pipe_keeps_the_supervisor_waiting_for_nobody(inside: Inside) -> None:
    inside.run(f"{fifo('/sandbox/code/fifo')}; 0")
    assert "no file" in refusal(lambda: inside.read("fifo"))
    assert "no file" in refusal(lambda: inside.write("fifo", b"x", "append"))
    assert inside.write("fifo", b"a file now", "replace").existed
    assert inside.read("fifo") == b"a file now"


def test_a_sparse_file_is_not_read(inside: Inside) -> None:
    inside.run(f"fs.writeFileSync('x', ''); fs.truncateSync('x', {SandboxPolicy().file_bytes})")
    assert "larger than the sandbox's working folder" in refusal(lambda: inside.read("x"))


def test_the_kernel_takes_no_more_of_a_file_than_it_said(inside: Inside) -> None:
    async def read(session: Session, most_bytes: int) -> int:
        return sum([len(piece) async for piece in session.read_file("x", most_bytes)])

    inside.run("fs.writeFileSync('x', Buffer.alloc(1000))")
    assert inside.do(lambda session: read(session, 1000)) == 1000
    assert "more than 999 bytes" in refusal(lambda: inside.do(lambda session: read(session, 999)))


def test_a_file_that_grows_is_read_to_where_it_ended(victim: Inside) -> None:
    victim.run("fs.writeFileSync('x', Buffer.alloc(1 << 20)); child(`for (;;) require('fs').appendFileSync('x', 'y')`)")
    for _ in range(20):
        assert (1 << 20) <= len(victim.read("x")) <= SandboxPolicy().code_bytes
    victim.lives()


def test_of_very_many_files_some_are_listed_and_the_rest_is_counted(inside: Inside) -> None:
    names = "`${i}`.padStart(5, '0') + '\\u0001'.repeat(250)"
    made = inside.ask(f"attempt(() => {{ for (let i = 0; i < 10_000; i++) fs.writeFileSync({names}, '') }}).code")
    assert made == "ENOSPC"
    listing = inside.do(lambda session: session.list_files())
    assert len(listing.entries) == 500
    assert 500 + listing.left_out + listing.free_files <= listing.total_files == SandboxPolicy().tmpfs_inodes


@pytest.mark.parametrize("mode", ["create", "replace", "append"])
def test_a_write_without_room_leaves_everything_as_it_was(inside: Inside, mode: WriteMode) -> None:
    inside.run("fs.writeFileSync('other', Buffer.alloc(1 << 20))")
    if mode != "create":
        inside.run("fs.writeFileSync('x', 'before')")
    assert "no room" in refusal(lambda: inside.write("x", bytes(SandboxPolicy().code_bytes - 1024), mode))
    assert inside.ask("fs.readdirSync('.').sort()") == (["other"] if mode == "create" else ["other", "x"])
    if mode != "create":
        assert inside.read("x") == b"before"


def test_a_write_that_breaks_off_leaves_nothing(inside: Inside) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(1 << 20)
        raise InterruptedError

    async def write(session: Session) -> None:
        await session.write_file("x", Content(2 << 20, broken()))

    with pytest.raises(SandboxError):
        inside.do(write)
    assert eventually(lambda: inside.ask("fs.readdirSync('.')") == [])


def test_files_pass_the_supervisor_in_pieces(victim: Inside) -> None:
    content = os.urandom(30 << 20)
    before = victim.ask(PEAK)
    for _ in range(8):
        assert victim.write("x", content).bytes == len(content)
        assert victim.read("x") == content
        victim.run("fs.rmSync('x')")
    assert victim.ask(PEAK) - before < 2 * len(content)  # of 16 times as much


def test_files_move_with_no_thread_to_spare(victim: Inside) -> None:
    victim.run("for (;;) try { child('setInterval(() => {}, 1e6)') } catch { break }")
    assert victim.write("x", bytes(1 << 20)).bytes == 1 << 20
    assert victim.read("x") == bytes(1 << 20)
    assert [entry.name for entry in victim.do(lambda session: session.list_files()).entries] == ["x"]


@pytest.mark.parametrize("route", ["PUT /file?path=x", "POST /execute", "GET /health"])
@pytest.mark.parametrize("knows_the_secret", [True, False])
def test_a_body_without_end_takes_no_memory_of_the_supervisor(
    engine: Engine, route: str, knows_the_secret: bool
) -> None:
    victim = Inside(engine, SandboxPolicy(transport="tcp"))
    try:
        before = victim.ask(PEAK)
        endpoint, secret = victim.sandbox.endpoint, victim.sandbox.secret if knows_the_secret else "guessed"
        assert isinstance(endpoint, Tcp)
        head = f"{route} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nContent-Length: {1 << 50}\r\n\r\n"
        with socket.create_connection((endpoint.host, endpoint.port), timeout=10) as connection:
            connection.sendall(head.encode())
            for _ in range(200):
                connection.sendall(bytes(1 << 20))
            assert connection.recv(12)[9:] in {b"200", b"401", b"413"}
        assert victim.ask(PEAK) - before < 40 << 20
        assert victim.do(lambda session: session.list_files()).entries == ()
    finally:
        victim.close()
