"""Laws of the engine and of ``bun-sandbox run``, on real Docker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bun_sandbox_kernel import image
from bun_sandbox_kernel.engines import Tcp, Unix
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_api import connect
from bun_sandbox_kernel.engines.docker_spec import container_spec
from bun_sandbox_kernel.errors import SandboxError
from bun_sandbox_kernel.owner import Owner
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.session import Session
from bun_sandbox_kernel.transport import HttpClient
from bun_sandbox_kernel.wire import End, Hello, Result
from tests.conftest import eventually, sandboxes_of, started


async def value(session: Session, code: str) -> str:
    """Return the text of a cell's result."""
    events = [event async for event in session.execute(code, color=False)]
    end = events[-1]
    assert isinstance(end, End)
    assert end.outcome == "ok", end
    return str(next(event.data["text/plain"] for event in events if isinstance(event, Result)))


@contextmanager
def held(session: Session) -> Iterator[None]:
    """Keep the line that keeps the sandbox alive."""

    async def hold() -> None:
        async for _ in session.late_events():
            pass

    line = asyncio.ensure_future(hold())
    try:
        yield
    finally:
        line.cancel()


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"bun-sandbox-{os.getpid()}-*"))


# -- sandboxes ---------------------------------------------------------------------------------------------------------


async def test_two_sandboxes_share_nothing(engine: DockerEngine) -> None:
    with started(engine) as one, started(engine) as other:
        assert one.id != other.id
        assert one.secret != other.secret
        assert one.endpoint != other.endpoint
        sessions = Session(one), Session(other)
        with held(sessions[0]), held(sessions[1]):
            for session, name in zip(sessions, ("one", "other"), strict=True):
                await value(session, f"globalThis.me = '{name}'; await Bun.write('/tmp/me', me)")
            told = [await value(session, "me + await Bun.file('/tmp/me').text()") for session in sessions]
        assert told == ['"oneone"', '"otherother"']
        for session in sessions:
            await session.close()


async def test_many_sandboxes_start_at_once(engine: DockerEngine) -> None:
    starting = [asyncio.to_thread(engine.start, SandboxPolicy(), lambda _: None) for _ in range(4)]
    sandboxes = await asyncio.gather(*starting)
    try:
        assert len({sandbox.id for sandbox in sandboxes}) == 4
        assert len({sandbox.endpoint for sandbox in sandboxes}) == 4
    finally:
        for sandbox in sandboxes:
            sandbox.stop()


def test_stop_leaves_nothing_and_may_be_repeated(engine: DockerEngine) -> None:
    before = folders()
    with started(engine) as sandbox:
        assert sandbox.id in sandboxes_of(os.getpid())
        sandbox.stop()
        assert eventually(lambda: sandbox.id not in sandboxes_of(os.getpid()))
        sandbox.stop()
    assert folders() == before


async def test_once_a_sandbox_answers_its_socket_is_this_process_s_alone(engine: DockerEngine) -> None:
    before = folders()
    with started(engine) as sandbox:
        assert folders() == before
        assert isinstance(sandbox.endpoint, Unix)
        assert sandbox.endpoint.path.parent == Path("/proc/self/fd")
        session = Session(sandbox)
        with held(session):
            assert await value(session, "6 * 7") == "42"
        await session.close()
        assert not sandbox.endpoint.path.exists()


def test_a_failed_start_leaves_nothing(engine: DockerEngine, tmp_path: Path) -> None:
    before = folders()
    profile = tmp_path / "seccomp.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_NONSENSE"}', "utf-8")
    with pytest.raises(SandboxError):
        engine.start(SandboxPolicy(seccomp_profile=profile), lambda _: None)
    assert folders() == before
    assert eventually(lambda: not sandboxes_of(os.getpid()))


async def test_a_sandbox_ends_with_the_line_of_its_kernel(engine: DockerEngine) -> None:
    with started(engine) as sandbox:
        session = Session(sandbox)
        async for event in session.late_events():
            assert isinstance(event, Hello)
            break
        session._client.close()
        assert await asyncio.to_thread(eventually, lambda: sandbox.id not in sandboxes_of(os.getpid()))


# -- TCP ---------------------------------------------------------------------------------------------------------------


async def test_tcp_answers_on_loopback_and_only_to_the_secret(engine: DockerEngine) -> None:
    with started(engine, SandboxPolicy(transport="tcp")) as sandbox:
        endpoint = sandbox.endpoint
        assert isinstance(endpoint, Tcp)
        assert endpoint.host == "127.0.0.1"
        session = Session(sandbox)
        with held(session):
            assert await value(session, "6 * 7") == "42"
            for secret in ("wrong", sandbox.secret.swapcase(), sandbox.secret[:-1], f"{sandbox.secret}x"):
                stranger = HttpClient(endpoint, secret)
                for method, path in (("POST", "/execute"), ("GET", "/events"), ("POST", "/interrupt")):
                    async with stranger.request(method, path, {} if method == "POST" else None) as answer:
                        assert answer.status == 401
                stranger.close()
        await session.close()


async def test_the_health_port_answers_nothing_but_health_and_metrics(engine: DockerEngine) -> None:
    with started(engine, SandboxPolicy(transport="tcp")) as sandbox:
        assert isinstance(sandbox.endpoint, Tcp)
        session = Session(sandbox)
        with held(session):
            await value(session, "'ready'")  # until then the answer is 503
            client = HttpClient(replace(sandbox.endpoint, port=sandbox.endpoint.health_port), sandbox.secret)
            async with client.request("GET", "/health") as answer:
                assert answer.status == 200
            async with client.request("GET", "/metrics") as answer:
                text = b"".join([chunk async for chunk in answer.chunks()]).decode()
                assert 'bun_sandbox_executions_total{outcome="ok"} 1\n' in text
            async with client.request("POST", "/execute", {"code": "1"}) as answer:
                assert answer.status in {404, 405}
            client.close()
        await session.close()


async def test_tcp_sandboxes_have_no_way_out(engine: DockerEngine) -> None:
    with started(engine, SandboxPolicy(transport="tcp")) as sandbox:
        session = Session(sandbox)
        with held(session):
            attempt = (
                "await fetch('http://1.1.1.1', { signal: AbortSignal.timeout(2000) }).then(() => 'out', () => 'in')"
            )
            assert await value(session, attempt) == '"in"'
        await session.close()


# -- orphans -----------------------------------------------------------------------------------------------------------


def test_reap_removes_orphans_and_leaves_the_living(engine: DockerEngine, tmp_path: Path) -> None:
    gone = replace(Owner.current(), started="1")
    elsewhere = replace(gone, host="another-machine")
    owners = {"gone": gone, "rebooted": replace(Owner.current(), boot_id="before"), "elsewhere": elsewhere}
    api = connect()
    made = {}
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    orphaned = Path(tempfile.gettempdir(), f"bun-sandbox-{int(ended.stdout)}-orphan")
    orphaned.mkdir()
    try:
        for name, owner in owners.items():
            spec = container_spec(
                SandboxPolicy(),
                image_name=image.reference(),
                owner=owner,
                launch="1",
                secret="x" * 32,
                folder=tmp_path,
                notebook=tmp_path,
            )
            made[name] = api.create(spec)
        with started(engine) as living:
            removed = engine.reap()
            assert {made["gone"][:12], made["rebooted"][:12]} <= set(removed)
            assert made["elsewhere"][:12] not in removed
            assert living.id[:12] not in removed
            assert api.is_running(living.id)
            assert not orphaned.exists()
    finally:
        for container in made.values():
            api.remove(container)


# -- bun-sandbox run ---------------------------------------------------------------------------------------------------


def command(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from bun_sandbox_kernel.cli import main; main()", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(program, input=stdin, capture_output=True, text=True, check=False, timeout=90, env=env)


@pytest.mark.parametrize(
    ("code", "environment", "status"),
    [
        ("console.log(1)", {}, 0),
        ("throw new Error('on purpose')", {}, 1),
        ("let x = ;", {}, 1),
        ("process.exit(7)", {}, 7),
        ("process.exit(0)", {}, 0),
        ("while (true) {}", {"BUN_SANDBOX_MAX_EXECUTION_TIME": "500"}, 124),
        ("await new Promise(() => {})", {"BUN_SANDBOX_MAX_EXECUTION_TIME": "500"}, 124),
        ("const all = []; while (true) all.push(new Uint8Array(1 << 22).fill(1))", {}, 137),
    ],
)
def test_run_exits_with_the_status_of_the_program(
    engine: DockerEngine, code: str, environment: dict[str, str], status: int
) -> None:
    done = command("run", "-e", code, **environment)
    assert done.returncode == status, done.stderr
    assert "Traceback (most recent call last)" not in done.stderr


def test_run_passes_on_both_streams(engine: DockerEngine) -> None:
    done = command("run", "-", stdin="console.log('out'); console.error('err')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")


def test_run_leaves_nothing_behind(engine: DockerEngine) -> None:
    before = set(Path(tempfile.gettempdir()).glob("bun-sandbox-*-*"))
    assert command("run", "-e", "process.exit(3)").returncode == 3
    gone = {path for path in Path(tempfile.gettempdir()).glob("bun-sandbox-*-*") if path not in before}
    living = {path for path in gone if Path("/proc", path.name.split("-")[2]).exists()}
    assert gone == living


def test_run_refuses_a_wrong_policy_in_one_sentence() -> None:
    done = command("run", "-e", "1", BUN_SANDBOX_MEMORY="1m")
    assert done.returncode == 1
    assert done.stderr.startswith('Error: BUN_SANDBOX_MEMORY is "1m"')
    assert "Traceback" not in done.stderr
