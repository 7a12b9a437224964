"""Memory of every kind, taken until there is none left: the cell ends and says why, the next one runs."""

from __future__ import annotations

import pytest

from bun_sandbox_kernel.policy import MIB
from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import number
from tests.conftest import eventually

PIECE = "new Uint8Array(1 << 22).fill(1)"
BOMBS = {
    "typed arrays": f"const all = []; while (true) all.push({PIECE})",
    "objects": "const all = []; while (true) all.push({ a: [all.length], b: String(all.length) })",
    "one array": "const all = new Uint8Array(1 << 30); all.fill(1)",
    "strings": "const all = []; while (true) all.push('é'.repeat(1 << 18) + all.length)",
    "a rope that is read": "let text = 'x'; while (true) { text += text; Buffer.from(text) }",
    "buffers": "const all = []; while (true) all.push(Buffer.alloc(1 << 20, 1))",
    "array buffers that grow": (
        "const all = new ArrayBuffer(0, { maxByteLength: 1 << 30 });"
        "for (let size = 0; ; size += 1 << 20) { all.resize(size + (1 << 20)); new Uint8Array(all, size).fill(1) }"
    ),
    "shared buffers": "const all = []; while (true) all.push(new Uint8Array(new SharedArrayBuffer(1 << 22)).fill(1))",
    "WebAssembly memory": (
        "const memory = new WebAssembly.Memory({ initial: 1, maximum: 16384 });"
        "while (true) { const at = memory.grow(64) << 16; new Uint8Array(memory.buffer, at).fill(1) }"
    ),
    "native memory": "while (true) libc.memset(libc.malloc(1 << 22), 1, 1 << 22)",
    "blobs": "const all = []; while (true) all.push(new Blob([Buffer.alloc(1 << 20, all.length)]))",
    "a database": (
        "const { Database } = await import('bun:sqlite'); const db = new Database(':memory:');"
        "db.run('create table t (x)'); while (true) db.run('insert into t values (zeroblob(1000000))')"
    ),
    "unsafe buffers": "const all = []; while (true) all.push(Buffer.allocUnsafeSlow(1 << 20).fill(1))",
    "bytes inflated": (
        "const packed = Bun.gzipSync(new Uint8Array(1 << 26)); const all = [];"
        "while (true) all.push(Bun.gunzipSync(packed).fill(1))"
    ),
    "structured clones": f"const one = {PIECE}; const all = []; while (true) all.push(structuredClone(one))",
}
IN_CHILD = f"const all = []; while (true) all.push({PIECE})"


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_cell_ends_with_its_memory(victim: Inside, bomb: str) -> None:
    end = victim.run(bomb).end
    assert (end.outcome, end.state) == ("memory", "lost")
    assert "memory limit 256 MB reached" in end.message
    victim.lives()


def test_a_child_that_eats_memory_ends(victim: Inside) -> None:
    ran = victim.run(f"console.log((await child({IN_CHILD!r}).exited) === 0 ? 'done' : 'killed')")
    assert ran.end.outcome == "memory" or "killed" in ran.printed
    victim.lives()


def test_a_thread_that_eats_memory_ends_with_its_cell(victim: Inside) -> None:
    source = f"new Blob([{IN_CHILD!r}], {{ type: 'text/javascript' }})"
    end = victim.run(f"new Worker(URL.createObjectURL({source})); await new Promise(() => {{}})").end
    assert (end.outcome, end.state) == ("memory", "lost")
    victim.lives()


def test_many_small_processes_end_with_their_cell(victim: Inside) -> None:
    code = "globalThis.kept = new Uint8Array(12 << 20).fill(1); setInterval(() => {}, 1e6)"
    ran = victim.run(
        f"for (let i = 0; i < 40; i++) {{ attempt(() => child({code!r})); await Bun.sleep(20) }} await Bun.sleep(2000)"
    )
    assert ran.end.outcome in {"memory", "ok"}
    victim.lives()


def test_what_a_cell_leaves_running_ends_with_its_memory(victim: Inside) -> None:
    victim.run(f"setTimeout(() => {{ const all = []; while (true) all.push({PIECE}) }}, 10)")
    assert eventually(lambda: victim.has_lost_its_worker(within=0.1), 10)
    victim.lives()


def test_files_in_memory_count(victim: Inside) -> None:
    code = f"""
const piece = new Uint8Array(1 << 20).fill(1);
for (let i = 0; i < 4; i++) {{
  const {{ returned: file }} = call({number("memfd_create")}, "x", 0);
  for (let j = 0; j < 90; j++) fs.writeSync(file, piece);
}}
"""
    end = victim.run(code).end
    assert (end.outcome, end.state) == ("memory", "lost")
    victim.lives()


def test_full_folders_count_and_leave_room_for_the_next_worker(victim: Inside) -> None:
    fill = (
        "const piece = new Uint8Array(1 << 20).fill(1);"
        "for (const folder of ['/tmp', '/sandbox/code', '/dev/shm'])"
        "  attempt(() => { const file = fs.openSync(folder + '/full', 'w'); while (true) fs.writeSync(file, piece) });"
        "const all = []; for (let i = 0; i < 200; i++) all.push(piece.slice())"
    )
    end = victim.run(fill).end
    assert (end.outcome, end.state) == ("memory", "lost")
    victim.lives()


def test_pipes_that_nobody_reads_have_an_end(victim: Inside) -> None:
    code = """
import { openSync, writeSync, constants } from "node:fs";
const piece = new Uint8Array(1 << 16);
const { connect, createServer } = await import("node:net");
const server = createServer((socket) => socket.pause()).listen("/tmp/full.sock");
for (let i = 0; i < 300; i++) connect("/tmp/full.sock").on("error", () => {}).write(piece);
await Bun.sleep(300);
"""
    victim.run(code)
    victim.lives()


def test_memory_cannot_be_locked(inside: Inside) -> None:
    soft, hard = inside.ask(
        r"fs.readFileSync('/proc/self/limits', 'utf8').match(/locked memory +(\S+) +(\S+)/).slice(1)"
    )
    assert max(int(soft), int(hard)) <= 8 * MIB


def test_a_heap_that_fits_is_let_be(inside: Inside) -> None:
    end = inside.run("const held = []; for (let i = 0; i < 20; i++) held.push(new Uint8Array(1 << 22).fill(1))").end
    assert (end.outcome, end.state) == ("ok", "kept")
