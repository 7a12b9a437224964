"""Cells that do not end by themselves: the time limit ends them, and the next one runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bun_sandbox_kernel.engines import Engine
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conformance.sandbox import Inside

LIMIT_MS = 400
PATIENCE_MS = 3000
TRAP = "for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {})"
WASM_LOOP = bytes.fromhex("0061736d0100000001040160000003020100070501016600000a0901070003400c000b0b")
"""(module (func (export "f") (loop (br 0))))"""
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
    "native code": "libc.sleep(60)",
    "native code again and again": "while (true) libc.sleep(60)",
    "trapped signals": f"{TRAP}; while (true) {{}}",
    "trapped signals and a wait": f"{TRAP}; await new Promise(() => {{}})",
    "a synchronous child": "Bun.spawnSync([process.execPath, '-e', 'while (true) {}'])",
    "WebAssembly": (
        f"const loop = new Uint8Array([{', '.join(map(str, WASM_LOOP))}]);"
        "new WebAssembly.Instance(new WebAssembly.Module(loop)).exports.f()"
    ),
    "a compilation": "while (true) attempt(() => new Function('('.repeat(3000) + '1' + ')'.repeat(3000))())",
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
    "later", ["setInterval(() => { while (true) {} }, 1)", "process.nextTick(() => { while (true) {} })"],
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
