"""Each line of the policy is attacked from inside a real sandbox, by TypeScript as a stranger would write it."""

from __future__ import annotations

import asyncio
import json
import platform
from collections.abc import Iterator
from typing import Any

import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.session import Session
from bun_sandbox_kernel.wire import End, Error, Event, Stream

PROGRAM_SECONDS = 90
ENOSYS = 38
SYSCALLS = {  # asm/unistd_64.h and asm-generic/unistd.h
    "x86_64": {
        "ptrace": 101,
        "mount": 165,
        "add_key": 248,
        "keyctl": 250,
        "unshare": 272,
        "setns": 308,
        "bpf": 321,
        "userfaultfd": 323,
        "perf_event_open": 298,
        "io_uring_setup": 425,
    },
    "aarch64": {
        "ptrace": 117,
        "mount": 40,
        "add_key": 217,
        "keyctl": 219,
        "unshare": 97,
        "setns": 268,
        "bpf": 280,
        "userfaultfd": 282,
        "perf_event_open": 241,
        "io_uring_setup": 425,
    },
}
PRELUDE = """
import * as fs from "node:fs";
globalThis.attempt = (action) => {
  try { return { value: action() ?? null } } catch (e) { return { code: e.code ?? String(e) } }
};
globalThis.fs = fs;
"""


class Inside:
    """A session in a real sandbox, asked synchronously."""

    def __init__(self, engine: DockerEngine, policy: SandboxPolicy) -> None:
        self._runner = asyncio.Runner()
        self.sandbox = engine.start(policy, lambda _: None)
        self._session = Session(self.sandbox)
        self._line = self._runner.run(self._begin())
        self.run(PRELUDE)

    async def _begin(self) -> asyncio.Task[None]:
        async def hold() -> None:
            async for _ in self._session.late_events():
                pass

        return asyncio.ensure_future(hold())

    def run(self, code: str) -> tuple[list[Event], End]:
        """Run one cell and return its events and its end."""

        async def execute() -> list[Event]:
            async with asyncio.timeout(PROGRAM_SECONDS):
                return [event async for event in self._session.execute(code, color=False)]

        events = self._runner.run(execute())
        end = events[-1]
        assert isinstance(end, End)
        return events, end

    def ask(self, expression: str) -> Any:
        """Return the value of an expression, by JSON."""
        events, end = self.run(f"console.log(JSON.stringify(await ({expression})))")
        failed = [event.evalue for event in events if isinstance(event, Error)]
        assert end.outcome == "ok", (failed, end)
        return json.loads("".join(event.text for event in events if isinstance(event, Stream)))

    def code(self, action: str) -> str:
        """Return the error code that an action ends with, or "none"."""
        outcome = self.ask(f"attempt(() => {{ {action} }})")
        return str(outcome.get("code", "none"))

    def restore(self) -> None:
        """Define the helpers anew after the variables were lost."""
        self.run(PRELUDE)

    def survives(self) -> None:
        """Hold the sandbox to this: what a bomb left may starve the next worker, which is said, and goes with it."""
        _, end = self.run("1 + 1")
        assert (end.outcome, end.state) == ("ok", "kept") or end.state == "lost", end
        self.run("process.exit()")
        assert self.ask("1 + 1") == 2

    def close(self) -> None:
        self._line.cancel()
        self._runner.run(self._session.close())
        self._runner.close()


@pytest.fixture(scope="module")
def inside(engine: DockerEngine) -> Iterator[Inside]:
    session = Inside(engine, SandboxPolicy())
    yield session
    session.close()


@pytest.fixture
def victim(engine: DockerEngine) -> Iterator[Inside]:
    """Yield a sandbox that may be harmed."""
    session = Inside(engine, SandboxPolicy())
    yield session
    session.close()


@pytest.fixture(scope="module")
def status(inside: Inside) -> dict[str, str]:
    lines = str(inside.ask("fs.readFileSync('/proc/self/status', 'utf8')")).splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture(scope="module")
def mounts(inside: Inside) -> dict[str, set[str]]:
    lines = str(inside.ask("fs.readFileSync('/proc/mounts', 'utf8')")).splitlines()
    return {fields[1]: set(fields[3].split(",")) for fields in (line.split() for line in lines)}


# -- the process -------------------------------------------------------------------------------------------------------


def test_the_user_is_nobody_of_the_host(status: dict[str, str]) -> None:
    assert set(status["Uid"].split()) == {"10001"}
    assert set(status["Gid"].split()) == {"10001"}
    assert set(status["Groups"].split()) <= {"10001"}


@pytest.mark.parametrize("capabilities", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
def test_there_are_no_capabilities(status: dict[str, str], capabilities: str) -> None:
    assert int(status[capabilities], 16) == 0


def test_privileges_cannot_be_gained(status: dict[str, str]) -> None:
    assert status["NoNewPrivs"] == "1"


def test_system_calls_are_filtered(status: dict[str, str]) -> None:
    assert status["Seccomp"] == "2"


@pytest.mark.parametrize("limit", ["memory.max", "memory.swap.max", "pids.max", "cpu.max"])
def test_the_control_group_cannot_be_changed(inside: Inside, limit: str) -> None:
    assert inside.code(f"fs.writeFileSync('/sys/fs/cgroup/{limit}', 'max')") in {"EROFS", "EACCES", "ENOENT"}


def test_resource_limits_are_those_of_the_policy(inside: Inside) -> None:
    lines = str(inside.ask("fs.readFileSync('/proc/self/limits', 'utf8')")).splitlines()
    policy = SandboxPolicy()
    wanted = {
        "Max open files": policy.open_files,
        "Max file size": policy.file_bytes,
        "Max core file size": 0,
        "Max msgqueue size": 0,
    }
    found = {name: line.removeprefix(name).split()[:2] for line in lines for name in wanted if line.startswith(name)}
    assert found == {name: [str(value)] * 2 for name, value in wanted.items()}


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["/", "/sandbox", "/usr/local/bin", "/etc"])
def test_the_root_is_read_only(inside: Inside, folder: str) -> None:
    assert inside.code(f"fs.writeFileSync('{folder}/x', '')") == "EROFS"


def test_the_root_is_mounted_read_only(mounts: dict[str, set[str]]) -> None:
    assert "ro" in mounts["/"]


@pytest.mark.parametrize("folder", ["/tmp", "/sandbox/code", "/dev/shm"])
def test_what_is_writable_runs_no_programs_and_no_devices(mounts: dict[str, set[str]], folder: str) -> None:
    assert {"noexec", "nosuid", "nodev"} <= mounts[folder]
    assert any(option.startswith("size=") for option in mounts[folder])
    assert any(option.startswith("nr_inodes=") for option in mounts[folder])


def test_nothing_else_is_writable(inside: Inside, mounts: dict[str, set[str]]) -> None:
    known = {"/tmp", "/sandbox/code", "/dev/shm", "/dev", "/dev/pts", "/dev/mqueue", "/proc", "/run/bun-sandbox"}
    writable = {place for place, options in mounts.items() if "rw" in options} - known
    usable = {place for place in writable if inside.code(f"fs.accessSync('{place}', fs.constants.W_OK)") == "none"}
    # Masked files of /proc are /dev/null, which takes writes and keeps none.
    kept = {place for place in usable if not inside.ask(f"fs.statSync('{place}').isCharacterDevice()")}
    assert kept == set()


def test_a_program_in_tmp_does_not_run(inside: Inside) -> None:
    code = "fs.writeFileSync('/tmp/run', '#!/usr/local/bin/bun\\n', { mode: 0o755 }); Bun.spawnSync(['/tmp/run'])"
    assert inside.code(code) == "EACCES"


@pytest.mark.parametrize(("folder", "mebibytes"), [("/tmp", 70), ("/sandbox/code", 40), ("/dev/shm", 10)])
def test_a_folder_holds_no_more_than_its_size(inside: Inside, folder: str, mebibytes: int) -> None:
    filling = (
        f"const file = fs.openSync('{folder}/big', 'w'); const piece = new Uint8Array(1 << 20);"
        f"try {{ for (let i = 0; i < {mebibytes}; i++) fs.writeSync(file, piece) }}"
        f"finally {{ fs.closeSync(file); fs.unlinkSync('{folder}/big') }}"
    )
    assert inside.code(filling) == "ENOSPC"


@pytest.mark.parametrize("folder", ["/tmp", "/sandbox/code", "/dev/shm"])
def test_a_folder_holds_no_more_than_so_many_files(inside: Inside, folder: str) -> None:
    filling = (
        f"fs.mkdirSync('{folder}/many');"
        f"try {{ for (let i = 0; i < 5000; i++) fs.writeFileSync(`{folder}/many/${{i}}`, '') }}"
        f"finally {{ fs.rmSync('{folder}/many', {{ recursive: true }}) }}"
    )
    assert inside.code(filling) == "ENOSPC"


# -- network -----------------------------------------------------------------------------------------------------------


def test_loopback_is_the_only_interface(inside: Inside) -> None:
    assert inside.ask("fs.readdirSync('/sys/class/net')") == ["lo"]


@pytest.mark.parametrize(
    "address", ["http://1.1.1.1", "http://example.com", "http://172.17.0.1", "http://169.254.169.254"]
)
def test_nothing_can_be_fetched(inside: Inside, address: str) -> None:
    fetched = f"fetch('{address}', {{ signal: AbortSignal.timeout(3000) }}).then(() => 'out', () => 'in')"
    assert inside.ask(fetched) == "in"


# -- the supervisor ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["environ", "mem", "maps", "auxv"])
def test_the_supervisor_cannot_be_read(inside: Inside, secret: str) -> None:
    assert inside.code(f"fs.readFileSync('/proc/1/{secret}')") == "EACCES"


def test_the_supervisors_memory_cannot_be_written(inside: Inside) -> None:
    assert inside.code("fs.openSync('/proc/1/mem', 'r+')") == "EACCES"


def test_the_supervisors_descriptors_cannot_be_listed(inside: Inside) -> None:
    assert inside.code("fs.readdirSync('/proc/1/fd')") == "EACCES"


def test_the_secret_is_nowhere_in_the_environment(inside: Inside) -> None:
    environment = str(inside.ask("process.env")) + str(inside.ask("fs.readFileSync('/proc/self/environ', 'utf8')"))
    assert "BUN_SANDBOX_SECRET" not in environment
    assert inside.sandbox.secret not in environment


@pytest.mark.parametrize("action", ["writeFileSync('/run/bun-sandbox/x', '')", "readdirSync('/run/bun-sandbox')"])
def test_the_folder_of_the_socket_is_closed(inside: Inside, action: str) -> None:
    assert inside.code(f"fs.{action}") == "EACCES"


def test_the_socket_cannot_be_replaced(inside: Inside) -> None:
    assert inside.code("fs.unlinkSync('/run/bun-sandbox/http.sock')") == "EACCES"


def test_the_socket_cannot_be_connected_to(inside: Inside) -> None:
    connected = (
        "import('node:net').then((net) => new Promise((resolve) => {"
        "const socket = net.connect('/run/bun-sandbox/http.sock');"
        "socket.on('connect', () => resolve('connected')); socket.on('error', (e) => resolve('refused'));"
        "}))"
    )
    assert inside.ask(connected) == "refused"


def test_the_supervisor_survives_signals(inside: Inside) -> None:
    inside.run("for (const signal of ['SIGKILL', 'SIGSTOP']) attempt(() => process.kill(1, signal))")
    assert inside.ask("1 + 1") == 2


# -- system calls ------------------------------------------------------------------------------------------------------


def system_call(inside: Inside, number: int) -> tuple[int, int]:
    """Return what a system call returned, and errno."""
    returned, errno = inside.ask(
        "import('bun:ffi').then(({ dlopen, read }) => {"
        "const c = dlopen('libc.so.6', {"
        "  syscall: { args: Array(7).fill('i64'), returns: 'i64' },"
        "  __errno_location: { args: [], returns: 'ptr' } }).symbols;"
        f"const returned = Number(c.syscall({number}, 0, 0, 0, 0, 0, 0));"
        "return [returned, read.i32(c.__errno_location(), 0)];"
        "})"
    )
    return int(returned), int(errno)


@pytest.fixture(scope="module")
def numbers() -> dict[str, int]:
    if platform.machine() not in SYSCALLS:
        pytest.skip("the numbers of this machine's system calls are not known")
    return SYSCALLS[platform.machine()]


def test_an_allowed_system_call_works(inside: Inside, numbers: dict[str, int]) -> None:
    getpid = 39 if numbers["mount"] == 165 else 172
    assert system_call(inside, getpid)[0] == inside.ask("process.pid")


@pytest.mark.parametrize("name", sorted(SYSCALLS["x86_64"]))
def test_a_forbidden_system_call_does_not_exist(inside: Inside, numbers: dict[str, int], name: str) -> None:
    assert system_call(inside, numbers[name]) == (-1, ENOSYS)


# -- bombs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bomb",
    [
        "const all = []; while (true) all.push(new Uint8Array(1 << 22).fill(1))",
        "const all = []; while (true) all.push({ a: [all.length], b: String(all.length) })",
        "let text = 'x'; const all = []; while (true) all.push(Buffer.alloc(1 << 20, 1))",
    ],
)
def test_a_heap_bomb_ends_with_its_cell(victim: Inside, bomb: str) -> None:
    _, end = victim.run(bomb)
    assert (end.outcome, end.state) == ("memory", "lost")
    assert victim.ask("1 + 1") == 2


def test_a_fork_bomb_is_contained(victim: Inside) -> None:
    bomb = """
const spawn = "Bun.spawn([process.execPath, '-e', process.env.BOMB], { env: process.env })";
const code = `while (true) { try { ${spawn} } catch {} }`;
for (let i = 0; i < 200; i++) {
  try { Bun.spawn([process.execPath, "-e", code], { env: { ...process.env, BOMB: code } }) } catch {}
}
"""
    victim.run(bomb)
    victim.survives()
    victim.restore()
    processes = victim.ask("fs.readdirSync('/proc').filter((name) => Number(name) > 0).length")
    assert int(processes) <= SandboxPolicy().pids


def test_threads_are_counted(victim: Inside) -> None:
    bomb = (
        "for (let i = 0; i < 500; i++) { try { new Worker('data:text/javascript,setInterval(()=>{},1e6)') } catch {} }"
    )
    victim.run(bomb)
    victim.survives()
