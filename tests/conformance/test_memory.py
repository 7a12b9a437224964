"""Memory of every kind, taken until there is none left: the cell ends and says why, the next one runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bun_sandbox_kernel.engines import Engine
from bun_sandbox_kernel.policy import MIB, SandboxPolicy
from bun_sandbox_kernel.wire import WorkerLost
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
FILL = """
const piece = new Uint8Array(1 << 20).fill(1);
const fill = (folder) => attempt(() => {
  const file = fs.openSync(folder + "/full", "w");
  while (true) fs.writeSync(file, piece);
});
const folders = ["/tmp", "/dev/shm", "/sandbox/code"];
"""
FILL_ALL = FILL + "folders.forEach(fill); const all = []; while (true) all.push(piece.slice());"
OBSTACLES = {
    "nothing else": "",
    "folders deeper than any path": (
        "attempt(() => { for (let depth = 0; depth < 4000; depth++) { fs.mkdirSync('/tmp/outer');"
        "  attempt(() => fs.renameSync('/tmp/inner', '/tmp/outer/' + 'x'.repeat(250)));"
        "  fs.renameSync('/tmp/outer', '/tmp/inner') } });"
    ),
    "as many files as there may be": (
        "for (const folder of folders) attempt(() => { for (let i = 0; i < 4090; i++)"
        "  fs.writeFileSync(`${folder}/${'x'.repeat(240)}${i}`, '') });"
    ),
    "folders that may not be read": (
        "for (let i = 0; i < 500; i++) { fs.mkdirSync(`/tmp/${i}/a/b`, { recursive: true });"
        "  for (const closed of ['a/b', 'a', '']) fs.chmodSync(`/tmp/${i}/${closed}`, 0) }"
    ),
    "closed folders": "folders.forEach(fill); folders.forEach((folder) => fs.chmodSync(folder, 0));",
    "links and pipes": (
        "for (let i = 0; i < 500; i++) { fs.symlinkSync(['/', '/proc/1', '/sandbox/code', '..'][i % 4], `/tmp/l${i}`);"
        f"  call({number('mknodat')}, -100, `/tmp/p${{i}}`, 0o010666, 0) }}"
    ),
    "names that are no text": (
        "for (let byte = 1; byte < 256; byte++)"
        "  attempt(() => fs.mkdirSync(Buffer.concat([Buffer.from('/tmp/'), Buffer.from([byte, 0xff])])));"
    ),
    "children that go on writing": (
        "for (let i = 0; i < 4; i++) child(`const { mkdirSync, writeFileSync } = require('fs'); for (let j = 0; ; j++)"
        "  try { mkdirSync('/tmp/${i}_' + j); writeFileSync('/tmp/${i}_' + j + '/x', Buffer.alloc(1e5)) } catch {}`);"
        "await Bun.sleep(300);"
    ),
}
TAKE_BACK = "fs.writeFileSync('/proc/self/oom_score_adj', '0');"
GREEDY = f"const fs = require('fs'); {TAKE_BACK} const all = []; setInterval(() => all.push({PIECE}), 20)"
DISGUISES = {
    "many processes": (
        f"folders.forEach(fill); for (let i = 0; i < 12; i++) attempt(() => child({GREEDY!r}));"
        "const all = []; while (true) { all.push(piece.slice()); await Bun.sleep(2) }"
    ),
    # Memory that belongs to no process, and a process whose program is mapped anew page by page.
    "a process that looks small": f"""
const program = fs.readFileSync("/proc/self/maps", "utf8").matchAll(/^(\\w+)-(\\w+) (r-xp|r--p 00000000) .*bun$/gm)
  .map(([, from, to]) => [Number("0x" + from), Number("0x" + to) - Number("0x" + from)]).toArray();
folders.forEach(fill);
for (let i = 0; i < 4; i++) {{
  const {{ returned: file }} = call({number("memfd_create")}, "x", 0);
  for (let j = 0; j < 1440; j++) {{
    for (const [from, bytes] of program) call({number("madvise")}, from, bytes, 4);
    attempt(() => fs.writeSync(file, piece, 0, 1 << 16));
  }}
}}
""",
}
STUBBORN = f"const fs = require('fs'); for (;;) {TAKE_BACK}"
DISGUISES["processes that never cease"] = (
    f"for (let i = 0; i < 3; i++) attempt(() => child({STUBBORN!r})); await Bun.sleep(200);"
    + DISGUISES["a process that looks small"]
)
IN_CHILD = f"const all = []; while (true) all.push({PIECE})"


@pytest.fixture
def narrow(engine: Engine) -> Iterator[Inside]:
    """Yield a sandbox whose folders can take nearly all of its memory."""
    session = Inside(engine, SandboxPolicy(memory_bytes=96 * MIB))
    yield session
    session.close()


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
    end = victim.run(FILL_ALL).end
    assert (end.outcome, end.state) == ("memory", "lost")
    assert "files" not in end.message
    victim.lives()


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES)
def test_full_folders_that_leave_no_room_are_emptied_and_named(narrow: Inside, obstacle: str) -> None:
    end = narrow.run(FILL + obstacle + FILL_ALL.removeprefix(FILL)).end
    assert (end.outcome, end.state) == ("memory", "lost")
    assert "and so are the files in /tmp, which left no memory for a new worker" in end.message
    narrow.lives()
    assert narrow.ask("[fs.readdirSync('/tmp').length, fs.statSync('/tmp').mode & 0o7777]") == [0, 0o1777]


def test_folders_that_are_emptied_between_two_cells_are_named(narrow: Inside) -> None:
    narrow.run(f"setTimeout(() => {{ {FILL_ALL} }}, 10)")
    assert eventually(lambda: narrow.has_lost_its_worker(within=0.1), 10)
    assert "files in /tmp" in "".join(event.message for event in narrow.late if isinstance(event, WorkerLost))
    narrow.lives()


def test_a_worker_cannot_give_up_being_ended_first(victim: Inside) -> None:
    assert victim.code(TAKE_BACK) == "EACCES"


@pytest.mark.parametrize("attack", DISGUISES.values(), ids=DISGUISES)
def test_whatever_gives_up_being_ended_first_its_worker_is_ended_before_the_supervisor(
    victim: Inside, attack: str
) -> None:
    end = victim.run(FILL + attack).end
    assert (end.outcome, end.state) == ("memory", "lost")
    victim.lives()


def test_another_program_in_the_workers_place_is_ended(victim: Inside) -> None:
    program = f"""{TAKE_BACK} const piece = new Uint8Array(1 << 20).fill(1);
for (const folder of ["/dev/shm", "/tmp", "/sandbox/code"])
  try {{ const file = fs.openSync(folder + "/full", "w"); for (;;) fs.writeSync(file, piece) }} catch {{}}
const all = []; for (;;) all.push(piece.slice())"""
    attack = f"""
const program = {f"const fs = require('fs'); {program}"!r};
const words = [process.execPath, "-e", program].map((word) => Buffer.from(word + "\\0"));
const list = new BigUint64Array([...words.map((word) => BigInt(ptr(word))), 0n]);
call({number("execve")}, words[0], list, new BigUint64Array([0n]));
"""
    end = victim.run(attack).end
    assert (end.outcome in {"crashed", "memory"}, end.state) == (True, "lost")
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
