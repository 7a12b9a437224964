"""Processes and threads: too many, left behind, deaf, stopped."""

from __future__ import annotations

import pytest

from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import number

IDLE = "setInterval(() => {}, 1e6)"
FORK_BOMB = """
const spawn = "Bun.spawn([process.execPath, '-e', process.env.BOMB], { env: process.env })";
const code = `while (true) { try { ${spawn} } catch {} }`;
for (let i = 0; i < 200; i++) {
  try { Bun.spawn([process.execPath, "-e", code], { env: { ...process.env, BOMB: code } }) } catch {}
}
"""
DEAF = "for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']) process.on(name, () => {}); " + IDLE
COUNT = "fs.readdirSync('/proc').filter((name) => Number(name) > 0).length"


def replaced(inside: Inside) -> None:
    """Hold the sandbox to this: its worker ends, a new one runs the next cell, and no other process is left."""
    inside.run("process.exit()")
    inside.lives()
    assert inside.ask(COUNT) == 2


def survives(inside: Inside) -> None:
    """Hold the sandbox to this: what a bomb left may starve the next cell, which is said, and goes with the worker."""
    end = inside.run_bare("1 + 1").end
    assert (end.outcome, end.state) == ("ok", "kept") or end.state == "lost", end
    inside.run_bare("process.exit()")
    inside.lives()


def test_a_fork_bomb_is_contained(victim: Inside) -> None:
    victim.run(FORK_BOMB)
    survives(victim)
    assert victim.ask(COUNT) <= SandboxPolicy().pids


def test_a_fork_bomb_by_system_call_is_contained(victim: Inside) -> None:
    victim.run(f"for (let i = 0; i < 12; i++) call({number('clone')}, 17)", timeout_ms=2000)
    survives(victim)
    assert victim.ask(COUNT) <= SandboxPolicy().pids


def test_processes_are_counted(victim: Inside) -> None:
    started = victim.run(
        f"const started = Array.from({{ length: 100 }}, () => attempt(() => child({IDLE!r})));"
        "console.log(started.filter(({ code }) => code === undefined).length)"
    )
    assert started.end.state == "lost" or int(started.printed) < SandboxPolicy().pids
    survives(victim)


@pytest.mark.parametrize(
    "thread", [f"new Worker('data:text/javascript,{IDLE}')",
               f"new (require('node:worker_threads').Worker)('{IDLE}', {{ eval: true }})"],
    ids=["web", "node"],
)  # fmt: skip
def test_threads_are_counted(victim: Inside, thread: str) -> None:
    victim.run(f"for (let i = 0; i < 500; i++) {{ try {{ {thread} }} catch {{}} }}")
    survives(victim)


def test_processes_that_are_started_without_end_are_contained(victim: Inside) -> None:
    victim.run("while (true) { try { child('1'); await Bun.sleep(1) } catch {} }", timeout_ms=1500)
    survives(victim)


def test_a_storm_of_short_processes_leaves_no_zombies(victim: Inside) -> None:
    victim.run("for (let i = 0; i < 40; i++) { await child('1').exited }")
    states = "fs.readdirSync('/proc').filter(Number).map((pid) => fs.readFileSync(`/proc/${pid}/status`, 'utf8'))"
    assert "State:\tZ" not in "".join(victim.ask(states))


def test_orphans_leave_no_zombies_that_fill_the_sandbox(inside: Inside) -> None:
    orphan = "Bun.spawn([process.execPath, '-e', '1'], { detached: true }); process.exit()"
    for _ in range(3):
        inside.run(f"for (let i = 0; i < 10; i++) await child({orphan!r}).exited")
    inside.lives()
    replaced(inside)


@pytest.mark.parametrize(
    "code", [IDLE, DEAF, "while (true) {}", "process.kill(process.pid, 'SIGSTOP')"],
    ids=["idle", "deaf", "busy", "stopped"],
)  # fmt: skip
def test_a_child_ends_with_its_worker(inside: Inside, code: str) -> None:
    inside.run(f"for (let i = 0; i < 3; i++) child({code!r}); await Bun.sleep(200)")
    replaced(inside)


@pytest.mark.parametrize("code", [IDLE, DEAF, "while (true) {}"], ids=["idle", "deaf", "busy"])
def test_a_daemon_ends_with_the_worker(inside: Inside, code: str) -> None:
    silent = "{ detached: true, stdio: ['ignore', 'ignore', 'ignore'] }"
    daemon = f"Bun.spawn([process.execPath, '-e', {code!r}], {silent}).unref(); process.exit()"
    inside.run(f"await child({daemon!r}).exited; await Bun.sleep(100)")
    assert inside.ask(COUNT) == 3
    replaced(inside)


def test_a_daemon_in_a_session_of_its_own_ends_with_the_worker(inside: Inside) -> None:
    daemon = (
        f"require('bun:ffi').dlopen('libc.so.6', {{ setsid: {{ args: [], returns: 'i32' }} }}).symbols.setsid(); {IDLE}"
    )
    inside.run(f"child({daemon!r}); await Bun.sleep(200)")
    replaced(inside)


def test_a_daemon_that_starts_others_as_they_end_ends(victim: Inside) -> None:
    hydra = (
        "const spawn = () => Bun.spawn([process.execPath, '-e', process.env.HYDRA], { env: process.env, "
        "stdio: ['ignore', 'ignore', 'ignore'], detached: true, onExit: () => spawn() }); spawn(); spawn(); "
        "setInterval(() => {}, 1e6)"
    )
    victim.run(
        f"Bun.spawn([process.execPath, '-e', {hydra!r}], {{ env: {{ HYDRA: {hydra!r} }} }}); await Bun.sleep(500)"
    )
    survives(victim)
    replaced(victim)


def test_the_next_cell_runs_beside_a_busy_daemon(inside: Inside) -> None:
    inside.run("for (let i = 0; i < 4; i++) child('while (true) {}')")
    for _ in range(3):
        inside.lives()
    replaced(inside)


def test_a_cell_that_waits_for_a_deaf_child_can_be_ended(inside: Inside) -> None:
    ran = inside.run(f"await child({DEAF!r}).exited", timeout_ms=600)
    assert ran.end.outcome == "timeout"
    inside.lives()


def test_a_cell_that_waits_synchronously_for_a_deaf_child_can_be_ended(inside: Inside) -> None:
    ran = inside.run(f"Bun.spawnSync([process.execPath, '-e', {DEAF!r}])", timeout_ms=600)
    assert ran.end.outcome == "timeout"
    inside.lives()


def test_a_stopped_child_keeps_nobody_waiting(inside: Inside) -> None:
    ran = inside.run(f"const stopped = child({IDLE!r}); stopped.kill('SIGSTOP'); await stopped.exited", timeout_ms=600)
    assert ran.end.outcome == "timeout"
    inside.lives()
    replaced(inside)


def test_a_stopped_worker_is_replaced(inside: Inside) -> None:
    ran = inside.run("process.kill(process.pid, 'SIGSTOP')", timeout_ms=500)
    assert (ran.end.outcome, ran.end.state) == ("timeout", "lost")
    inside.lives()


def test_a_child_cannot_outlive_its_worker_by_taking_its_pipes(inside: Inside) -> None:
    inside.run(
        f"Bun.spawn([process.execPath, '-e', {DEAF!r}], {{ stdio: ['ignore', 1, 2, 3, 4, 5] }}); await Bun.sleep(200)"
    )
    replaced(inside)


def test_a_worker_that_adopts_orphans_takes_them_along(inside: Inside) -> None:
    pr_set_child_subreaper = 36
    inside.call(number("prctl"), str(pr_set_child_subreaper), "1")
    orphan = f"Bun.spawn([process.execPath, '-e', {IDLE!r}], {{ detached: true }}).unref(); process.exit()"
    inside.run(f"await child({orphan!r}).exited")
    replaced(inside)
