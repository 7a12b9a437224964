"""The process that watches over the worker: out of its reach, and there when it is needed."""

from __future__ import annotations

import signal

import pytest

from bun_sandbox_kernel.errors import SandboxDied
from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import REFUSED, number

RLIMITS = {"cpu": 0, "fsize": 1, "data": 2, "stack": 3, "nproc": 6, "nofile": 7, "as": 9, "sigpending": 11}
PRIO_PROCESS, PRIO_PGRP, PRIO_USER = 0, 1, 2
DEADLY = [signal.SIGTERM, signal.SIGINT, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE,
          signal.SIGSEGV]  # fmt: skip
"""What PID 1 listens to, and what faults of its own would send."""
HARMLESS = sorted(set(signal.valid_signals()) - set(DEADLY))


def restarts(inside: Inside) -> None:
    """Hold the supervisor to this: it starts another worker, and the next cell runs."""
    assert inside.run("process.kill(process.pid, 'SIGKILL')").end.state == "lost"
    inside.lives()


# -- what it holds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    ["environ", "mem", "maps", "smaps", "auxv", "stack", "syscall", "pagemap", "io", "personality", "task/1/mem",
     "task/1/environ", "cwd/etc/hosts", "root/etc/hosts", "exe"],
)  # fmt: skip
def test_the_supervisor_cannot_be_read(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.readFileSync('/proc/1/{file}')") in {"EACCES", "EPERM"}


@pytest.mark.parametrize("folder", ["fd", "fdinfo", "map_files", "ns"])
def test_the_supervisors_descriptors_cannot_be_listed(inside: Inside, folder: str) -> None:
    opened = f"fs.readlinkSync('/proc/1/{folder}/' + fs.readdirSync('/proc/1/{folder}')[0])"
    assert inside.code(opened) == "EACCES"


def test_the_supervisors_memory_cannot_be_written(inside: Inside) -> None:
    assert inside.code("fs.openSync('/proc/1/mem', 'r+')") == "EACCES"


def test_the_supervisors_output_cannot_be_written(inside: Inside) -> None:
    assert inside.code("fs.writeFileSync('/proc/1/fd/1', 'x')") == "EACCES"


def test_nothing_of_the_supervisor_can_be_set(inside: Inside) -> None:
    write = "(name) => attempt(() => fs.writeFileSync(`/proc/1/${name}`, '1')).code === undefined"
    assert inside.ask(f"fs.readdirSync('/proc/1').filter({write})") == []


def test_the_supervisor_cannot_be_made_the_first_to_die(inside: Inside) -> None:
    assert inside.code("fs.writeFileSync('/proc/1/oom_score_adj', '1000')") == "EACCES"
    assert int(inside.ask("fs.readFileSync('/proc/1/oom_score_adj', 'utf8')")) < 1000


@pytest.mark.parametrize("limit", RLIMITS.values(), ids=RLIMITS)
def test_the_limits_of_the_supervisor_cannot_be_lowered(inside: Inside, limit: int) -> None:
    returned, errno = inside.call(number("prlimit64"), "1", str(limit), "new BigUint64Array([0n, 0n])", "0")
    assert (returned, errno in REFUSED) == (-1, True)


@pytest.mark.parametrize(("kind", "who"), [(PRIO_PROCESS, 1), (PRIO_PGRP, 0), (PRIO_PGRP, 1), (PRIO_USER, 0)])
def test_the_priority_of_the_supervisor_cannot_be_lowered(inside: Inside, kind: int, who: int) -> None:
    returned, errno = inside.call(number("setpriority"), str(kind), str(who), "19")
    assert (returned, errno in REFUSED) == (-1, True)
    assert inside.ask("require('node:os').getPriority(1)") == 0


def test_the_supervisor_cannot_be_bound_to_a_processor(inside: Inside) -> None:
    returned, errno = inside.call(number("sched_setaffinity"), "1", "8", "new BigUint64Array([1n])")
    assert (returned, errno in REFUSED) == (-1, True)


# -- its secret and its endpoint ---------------------------------------------------------------------------------------


def test_the_secret_is_nowhere_in_the_environment(inside: Inside) -> None:
    child = "console.log(require('fs').readFileSync('/proc/self/environ', 'utf8'))"
    environment = str(inside.ask("process.env")) + str(
        inside.ask(f"Bun.spawnSync([process.execPath, '-e', {child!r}]).stdout.toString()")
    )
    assert "HOME=" in environment
    assert "BUN_SANDBOX_SECRET" not in environment
    assert inside.sandbox.secret not in environment


def test_the_secret_is_in_no_file_about_the_supervisor(inside: Inside) -> None:
    read = "(name) => attempt(() => fs.readFileSync(`/proc/1/${name}`, 'latin1')).value"
    texts = inside.ask(f"fs.readdirSync('/proc/1').map({read})")
    assert any(texts)
    assert inside.sandbox.secret not in str(texts)


@pytest.mark.parametrize(
    "action", ["writeFileSync('/run/bun-sandbox/x', '')", "readdirSync('/run/bun-sandbox')",
               "chmodSync('/run/bun-sandbox', 0o777)", "renameSync('/run/bun-sandbox', '/tmp/mine')",
               "unlinkSync('/run/bun-sandbox/http.sock')", "rmdirSync('/run/bun-sandbox')"],
)  # fmt: skip
def test_the_folder_of_the_socket_is_closed(inside: Inside, action: str) -> None:
    assert inside.code(f"fs.{action}") in {"EACCES", "EPERM", "EROFS", "EBUSY", "EXDEV"}


@pytest.mark.parametrize("path", ["/run/bun-sandbox/http.sock", "/proc/1/root/run/bun-sandbox/http.sock"])
def test_the_socket_cannot_be_connected_to(inside: Inside, path: str) -> None:
    connected = (
        "import('node:net').then((net) => new Promise((resolve) => {"
        f"const socket = net.connect('{path}');"
        "socket.on('connect', () => resolve('connected')); socket.on('error', () => resolve('refused'));"
        "}))"
    )
    assert inside.ask(connected) == "refused"


@pytest.mark.parametrize("port", [9998, 9999, 3000, 80])
def test_the_supervisor_listens_to_no_port(inside: Inside, port: int) -> None:
    asked = f"fetch('http://127.0.0.1:{port}/health').then(() => 'answered', () => 'refused')"
    assert inside.ask(asked) == "refused"


# -- signals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["kill", "tgkill"])
def test_the_supervisor_survives_what_is_not_for_it(inside: Inside, way: str) -> None:
    target = "1, 1" if way == "tgkill" else "1"
    for harmless in HARMLESS:
        assert inside.call(number(way), target, str(int(harmless)))[0] == 0
    restarts(inside)


def test_the_supervisor_survives_a_storm_of_signals(inside: Inside) -> None:
    names = [int(harmless) for harmless in HARMLESS if harmless != signal.SIGCONT]
    inside.run(f"for (let i = 0; i < 500; i++) for (const signal of {names}) call({number('kill')}, 1, signal)")
    restarts(inside)


def test_the_supervisor_survives_a_handle_on_it(inside: Inside) -> None:
    handle, _ = inside.call(number("pidfd_open"), "1", "0")
    assert handle > 0
    for killing in (signal.SIGKILL, signal.SIGSTOP):
        inside.call(number("pidfd_send_signal"), str(handle), str(int(killing)), "0", "0")
    restarts(inside)


@pytest.mark.parametrize("target", [-1, 0], ids=["everybody", "its group"])
def test_the_supervisor_survives_a_kill_of(inside: Inside, target: int) -> None:
    inside.run(f"call({number('kill')}, {target}, 9)")
    restarts(inside)


@pytest.mark.parametrize("deadly", [signal.SIGTERM, signal.SIGINT, signal.SIGSEGV], ids=lambda name: name.name)
def test_a_deadly_signal_ends_the_sandbox_and_says_so(victim: Inside, deadly: signal.Signals) -> None:
    with pytest.raises(SandboxDied, match=r"variables are gone|The sandbox ended in the middle"):
        victim.run(f"call({number('kill')}, 1, {int(deadly)}); await Bun.sleep(5000)")


# -- what it needs -----------------------------------------------------------------------------------------------------


def test_a_worker_without_descriptors_is_replaced(inside: Inside) -> None:
    inside.run("const kept = []; try { while (true) kept.push(fs.openSync('/dev/null')) } catch {}")
    restarts(inside)


def test_a_worker_that_has_closed_its_pipes_is_replaced(victim: Inside) -> None:
    ran = victim.run("for (let fd = 0; fd < 64; fd++) attempt(() => fs.closeSync(fd)); await Bun.sleep(10_000)")
    assert ran.end.state == "lost"
    victim.lives()


@pytest.mark.parametrize("fd", [3, 4, 5])
def test_a_worker_that_writes_noise_to_a_pipe_of_its_own_is_replaced(inside: Inside, fd: int) -> None:
    inside.run(f"attempt(() => {{ for (let i = 0; i < 100; i++) fs.writeSync({fd}, Buffer.alloc(65536, 255)) }})")
    restarts(inside)


REPORTS = {
    "many objects": "'{'.repeat(4_000_000)",
    "a string without an end behind many objects": r"""'{'.repeat(200_100) + '"' + '\\"'.repeat(1_800_000)""",
    "many strings": r"""'[' + '"",'.repeat(1_300_000)""",
}


@pytest.mark.parametrize("line", REPORTS.values(), ids=REPORTS)
def test_a_forged_report_that_is_long_to_read_keeps_nobody_waiting(victim: Inside, line: str) -> None:
    forge = f"""
const line = Buffer.from({line} + "\\n");
for (let at = 0; at < line.length; at += 4000) {{
  const text = line.subarray(at, at + 4000);
  const frame = Buffer.concat([Buffer.from([at === 0 ? 3 : 4, 1, 0, 0, 0, text.length & 255, text.length >> 8]), text]);
  for (let sent = 0; sent < frame.length; ) {{
    const {{ value }} = attempt(() => fs.writeSync(3, frame, sent));
    if (value === undefined) Bun.sleepSync(1); else sent += value;
  }}
}}
await new Promise(() => {{}});
"""
    assert victim.run(forge, timeout_ms=10_000).end.state == "lost"
    victim.lives()


def test_the_supervisor_needs_no_process_to_spare(victim: Inside) -> None:
    victim.run(
        "const kept = []; try { while (kept.length < 200) kept.push(child('setInterval(() => {}, 1e6)')) } catch {}"
    )
    restarts(victim)


def test_the_supervisor_needs_no_thread_to_spare(victim: Inside) -> None:
    victim.run(
        "try { for (let i = 0; i < 200; i++) new Worker('data:text/javascript,setInterval(() => {}, 1e6)') } catch {}"
    )
    restarts(victim)
