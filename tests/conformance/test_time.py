"""Cells that do not end by themselves: the time limit ends them, and the next one runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bun_sandbox_kernel.engines import Engine
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conformance.sandbox import Inside

LIMIT_MS = 400
PATIENCE_MS = 3000
POLITE = {
    "a busy loop": "while (true) {}",
    "a busy promise": "const spin = () => Promise.resolve().then(spin); await spin()",
    "a sleep": "await Bun.sleep(60_000)",
    "a synchronous sleep": "Bun.sleepSync(60_000)",
    "a promise that never settles": "await new Promise(() => {})",
    "a loop around a sleep": "while (true) await Bun.sleep(1)",
    "a loop that catches": "while (true) { try { while (true) {} } catch {} finally { } }",
    "immediates": "await new Promise(() => { const spin = () => setImmediate(spin); spin() })",
    "an iterator without end": "for await (const x of (async function* () { while (true) yield 1 })()) {}",
}
STUBBORN = {
    "a loop that returns to itself": "const go = () => { try { while (true) {} } finally { go() } }; go()",
    "a regular expression": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "a sort": "Array.from({ length: 3e6 }, Math.random).sort((a, b) => { while (true) {} })",
    "a wait for memory": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
    "native code": "require('bun:ffi').dlopen('libc.so.6', { sleep: { args: ['u32'], returns: 'u32' } }).symbols.sleep(60)",
    "native code that pauses": "while (true) require('bun:ffi').dlopen('libc.so.6', { pause: { args: [], returns: 'i32' } }).symbols.pause()",
    "trapped signals": "for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {}); while (true) {}",
    "trapped signals and a wait": "for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {}); await new Promise(() => {})",
    "a synchronous child": "Bun.spawnSync([process.execPath, '-e', 'while (true) {}'])",
    "WebAssembly": (
        "const loop = new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]);"
        "new WebAssembly.Instance(new WebAssembly.Module(loop)).exports.f()"
    ),
    "a compilation": "const text = '('.repeat(3000) + '1' + ')'.repeat(3000); while (true) attempt(() => new Function(text)())",
    "JSON": "let text = '1'; while (true) text = JSON.stringify(text).slice(0, 1 << 20)",
}


@pytest.fixture(scope="module")
def inside(engine: Engine) -> Iterator[Inside]:
    """Yield a sandbox whose cells may run for less than a second."""
    session = Inside(engine, SandboxPolicy(max_execution_ms=LIMIT_MS))
    yield session
    session.close()


@pytest.mark.parametrize("code", POLITE.values(), ids=POLITE)
def test_a_cell_ends_at_the_time_limit_and_keeps_its_variables(inside: Inside, code: str) -> None:
    inside.run("globalThis.kept = 42")
    end = inside.run(code).end
    assert (end.outcome, end.state) == ("timeout", "kept")
    assert "time limit" in end.message
    assert end.wall_ms < PATIENCE_MS
    assert inside.ask("kept") == 42


@pytest.mark.parametrize("code", STUBBORN.values(), ids=STUBBORN)
def test_a_cell_that_does_not_listen_ends_at_the_time_limit(inside: Inside, code: str) -> None:
    end = inside.run(code).end
    assert end.outcome == "timeout"
    assert end.wall_ms < PATIENCE_MS
    inside.lives()


def test_a_cell_cannot_lift_its_limit(inside: Inside) -> None:
    assert inside.run("while (true) {}", timeout_ms=600_000).end.outcome == "timeout"
    inside.lives()


def test_a_clock_that_is_turned_back_changes_nothing(inside: Inside) -> None:
    code = "Date.now = () => 0; performance.now = () => 0; globalThis.setTimeout = () => 0; while (true) {}"
    assert inside.run(code).end.outcome == "timeout"
    inside.run("process.exit()")
    inside.lives()


@pytest.mark.parametrize(
    "later", ["setInterval(() => { while (true) {} }, 1)", "setTimeout(() => { while (true) {} }, 1)",
              "Promise.resolve().then(() => { while (true) {} })", "process.nextTick(() => { while (true) {} })"],
)  # fmt: skip
def test_what_a_cell_leaves_behind_can_be_ended(inside: Inside, later: str) -> None:
    inside.run(later)
    inside.wait(0.1)
    assert inside.run("1").end.outcome in {"ok", "timeout"}
    inside.run("process.exit()")
    inside.lives()


def test_an_exit_handler_cannot_keep_the_worker(inside: Inside) -> None:
    inside.run("process.on('exit', () => { while (true) {} }); process.exit()")
    inside.lives()


def test_a_question_beside_a_busy_cell_is_answered_or_refused(inside: Inside) -> None:
    inside.run("setTimeout(() => { while (true) {} }, 1)")
    inside.run("while (true) {}")
    inside.run("process.exit()")
    inside.lives()
