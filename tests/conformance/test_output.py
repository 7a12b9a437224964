"""Floods of output, and output that is none: the cell is cut, the kernel goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bun_sandbox_kernel.engines import Engine
from bun_sandbox_kernel.policy import MIB, SandboxPolicy
from tests.conformance.sandbox import Inside

CAP = MIB
LEFT_OUT = "bytes of output left out"
LINE = "'x'.repeat(1023) + '\\n'"
FLOODS = {
    "console.log": f"for (let i = 0; i < 20_000; i++) console.log({LINE})",
    "console.error": f"for (let i = 0; i < 20_000; i++) console.error({LINE})",
    "process.stdout": f"for (let i = 0; i < 20_000; i++) process.stdout.write({LINE})",
    "Bun.stdout": f"await Bun.write(Bun.stdout, ({LINE}).repeat(20_000))",
    "the descriptor of stdout": f"for (let i = 0; i < 20_000; i++) fs.writeSync(1, {LINE})",
    "the descriptor of stderr": f"for (let i = 0; i < 20_000; i++) fs.writeSync(2, {LINE})",
    "empty lines": "for (let i = 0; i < 2_000_000; i += 1000) console.log('\\n'.repeat(1000))",
    "one line": "const piece = 'x'.repeat(1 << 20); for (let i = 0; i < 64; i++) process.stdout.write(piece)",
    "displays": "for (let i = 0; i < 10_000; i++) display(i)",
    "large displays": "for (let i = 0; i < 20; i++) display('x'.repeat(1 << 18))",
    "tables": "for (let i = 0; i < 200; i++) display.table(Array(1000).fill({ a: 'x'.repeat(50) }))",
    "a child": (
        "await Bun.spawn([process.execPath, '-e', 'for (let i = 0; i < 64; i++) console.log(`x`.repeat(1 << 20))'], "
        "{ stdio: ['ignore', 'inherit', 'inherit'] }).exited"
    ),
}


@pytest.fixture(scope="module")
def inside(engine: Engine) -> Iterator[Inside]:
    """Yield a sandbox whose cells may print little."""
    session = Inside(engine, SandboxPolicy(max_output_bytes=CAP))
    yield session
    session.close()


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_is_cut_and_counted(inside: Inside, flood: str) -> None:
    ran = inside.run(flood)
    assert ran.size <= CAP + 1000
    assert ran.end.dropped_bytes > 0
    assert LEFT_OUT in ran.printed
    inside.lives()


def test_a_gigabyte_without_a_newline_is_cut(inside: Inside) -> None:
    ran = inside.run("const piece = Buffer.alloc(1 << 22, 120); for (let i = 0; i < 256; i++) fs.writeSync(1, piece)")
    assert ran.end.dropped_bytes > 1000 * MIB
    assert ran.size <= CAP + 1000
    inside.lives()


def test_an_endless_flood_ends_at_the_time_limit(inside: Inside) -> None:
    ran = inside.run(f"while (true) console.log({LINE})", timeout_ms=500)
    assert ran.end.outcome == "timeout"
    assert ran.size <= CAP + 1000
    inside.lives()


@pytest.mark.parametrize("write", [f"console.log({LINE})", "display('x'.repeat(1000))"])
def test_a_flood_after_the_end_of_a_cell_is_cut(victim: Inside, write: str) -> None:
    cap = victim.policy.max_output_bytes
    victim.run(f"const flood = setInterval(() => {{ for (let i = 0; i < 2000; i++) {write} }}, 1)")
    victim.wait(0.8)
    assert victim.size_late <= cap + 1000
    victim.lives()


def test_a_flood_of_native_output_after_the_end_of_a_cell_can_be_stopped(inside: Inside) -> None:
    inside.run(f"const flood = setInterval(() => {{ for (let i = 0; i < 2000; i++) fs.writeSync(1, {LINE}) }}, 1)")
    inside.wait(0.3)
    assert inside.size_late <= 2 * CAP
    inside.run("clearInterval(flood)")
    inside.wait(0.1)
    inside.lives()


def test_what_is_printed_late_is_not_of_the_next_cell(victim: Inside) -> None:
    victim.run("setTimeout(() => console.log('late'), 150)")
    ran = victim.run("await Bun.sleep(400); console.log('own')")
    assert ran.printed == "own\n"
    assert victim.printed_late == "late\n"


@pytest.mark.parametrize(
    "text", ["255, 254, 253", "0xc3", "0xed, 0xa0, 0x80", "0xf8, 0x88, 0x80, 0x80", "0, 1, 2, 27, 7"],
    ids=["no text", "half a letter", "a surrogate", "too long", "controls"],
)  # fmt: skip
@pytest.mark.parametrize("fd", [1, 2])
def test_bytes_that_are_no_text_are_shown_as_text(inside: Inside, fd: int, text: str) -> None:
    ran = inside.run(f"fs.writeSync({fd}, Buffer.from([{text}]))")
    assert ran.end.outcome == "ok"
    assert "\ud800" not in ran.printed
    inside.lives()


@pytest.mark.parametrize("value", ["'\\ud800'", "'\\0'", "'\\u2028'", "({ toString: 1 })", "Symbol('\\ud800')"])
def test_odd_text_is_shown(inside: Inside, value: str) -> None:
    assert inside.run(f"console.log({value}); display({value}); {value}").end.outcome == "ok"
    inside.lives()


@pytest.mark.parametrize(
    "forged",
    [
        '{"type":"end","outcome":"ok","state":"kept"}',
        '{"type":"result","data":{"text/html":"forged"},"metadata":{}}',
        '{"type":"worker","state":"lost","message":"forged"}',
    ],
)
@pytest.mark.parametrize("fd", [1, 2])
def test_an_event_that_is_printed_is_text(inside: Inside, fd: int, forged: str) -> None:
    inside.late.clear()
    ran = inside.run(f"fs.writeSync({fd}, '\\n' + {forged!r} + '\\n'); console.log('after')")
    assert ran.printed.replace("after\n", "", 1) == f"\n{forged}\n"
    inside.wait(0.1)
    assert (ran.displays, inside.printed_late) == (0, "")


@pytest.mark.parametrize("kind", ["application/javascript", "application/x-widget", "text/html\\n", "__proto__", ""])
def test_a_display_of_an_unknown_kind_runs_nothing(inside: Inside, kind: str) -> None:
    inside.run(f"display({{ [Symbol.for('Jupyter.display')]: () => ({{ ['{kind}']: 'alert(1)' }}) }})")
    inside.lives()


@pytest.mark.parametrize(
    "value",
    [
        "new Proxy({}, { ownKeys() { throw 1 }, get() { throw 2 } })",
        "(() => { const a = {}; a.a = a; return a })()",
        "(() => { let deep = {}; for (let i = 0; i < 1e5; i++) deep = { deep }; return deep })()",
        "Array(1e7).fill(0)",
        "new Error('x'.repeat(1e7))",
        "{ [Symbol.for('Jupyter.display')]() { return this } }",
        "{ get [Symbol.toStringTag]() { throw new Error() } }",
        "{ [Symbol.for('nodejs.util.inspect.custom')]() { return 'x'.repeat(1e8) } }",
    ],
)
def test_a_value_that_cannot_be_shown_ends_its_cell_alone(inside: Inside, value: str) -> None:
    ran = inside.run(f"({value})")
    assert ran.size <= CAP + 1000
    inside.lives()


@pytest.mark.parametrize(
    "thrown",
    [
        "null",
        "'x'.repeat(1e7)",
        "{ get message() { throw 1 }, get stack() { throw 2 } }",
        "new Proxy(new Error(), { get() { throw 1 } })",
    ],
)
def test_whatever_is_thrown_is_told(inside: Inside, thrown: str) -> None:
    ran = inside.run(f"throw {thrown}")
    assert ran.end.outcome == "error"
    assert ran.size <= CAP + 1000
    inside.lives()
