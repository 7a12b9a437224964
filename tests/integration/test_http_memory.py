"""Who ends where memory, processes or descriptors run short: whoever took them, and nobody else."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.conftest import eventually
from tests.integration.served import EATS, Served, served

BOMBS = {
    "processes": (
        "for (;;) try { Bun.spawn([process.execPath, '-e', 'setInterval(() => {}, 1e6)']) }"
        " catch { await Bun.sleep(1) }"
    ),
    "processes of processes": (
        "const again = () => Bun.spawn([process.execPath, '-e', `(${again})(); (${again})()`], { stdin: 'ignore' });"
        "for (;;) try { again() } catch { await Bun.sleep(1) }"
    ),
    "threads": "for (;;) new Worker(URL.createObjectURL(new Blob(['setInterval(() => {}, 1e6)'])))",
    "signals": "process.kill(-1, 'SIGKILL')",
    "signals to the supervisor": "process.kill(1, 'SIGSTOP'); process.kill(1, 'SIGKILL'); for (;;);",
    "output": "for (;;) console.log('x'.repeat(1e6))",
    "files": "for (let i = 0; ; i++) require('node:fs').writeFileSync('/tmp/' + i, '')",
}
HIDDEN_EATERS = {
    "threads without the first of them": """
const eats = "const all = []; for (;;) { all.push(new Uint8Array(1 << 20).fill(1)); Bun.sleepSync(5) }";
new Worker(URL.createObjectURL(new Blob([eats])));
await Bun.sleep(200);
const { symbols } = require("bun:ffi").dlopen("libc.so.6", { pthread_exit: { args: ["ptr"], returns: "void" } });
symbols.pthread_exit(null)""",
    "shared memory": """
const { dlopen, toArrayBuffer } = require("bun:ffi");
const args = ["ptr", "u64", "i32", "i32", "i32", "i64"];
const { symbols } = dlopen("libc.so.6", { mmap: { args, returns: "ptr" } });
const [PROT_READ_WRITE, MAP_SHARED_ANONYMOUS] = [3, 0x21];
for (;;) {
  const address = symbols.mmap(null, 1 << 20, PROT_READ_WRITE, MAP_SHARED_ANONYMOUS, -1, 0);
  new Uint8Array(toArrayBuffer(address, 0, 1 << 20)).fill(1);
  await Bun.sleep(5);
}""",
    "page tables": """
const { dlopen, read } = require("bun:ffi");
const { symbols } = dlopen("libc.so.6", {
  mmap: { args: ["ptr", "u64", "i32", "i32", "i32", "i64"], returns: "ptr" },
  madvise: { args: ["ptr", "u64", "i32"], returns: "i32" },
});
const [bytes, step, PROT_READ, MAP_PRIVATE_ANONYMOUS_NORESERVE, MADV_NOHUGEPAGE] = [2 ** 38, 2 ** 21, 1, 0x4022, 15];
const address = symbols.mmap(null, bytes, PROT_READ, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
symbols.madvise(address, bytes, MADV_NOHUGEPAGE);
for (let at = 0; at < bytes; at += step) {
  read.u8(address, at);
  if (at % (250 * step) === 0) await Bun.sleep(20);
}
await new Promise(() => {});""",
}


def test_what_a_program_leaves_without_a_parent_ends_and_costs_nobody_else(engine: DockerEngine) -> None:
    hold = "const held = []; for (;;) { held.push(new Uint8Array(10 << 20).fill(1)); await Bun.sleep(150) }"
    middle = (
        f"Bun.spawn([process.execPath, '-e', {json.dumps(hold)}], {{ stdio: ['ignore', 'ignore', 'ignore'] }}).unref();"
        " process.exit(0)"
    )
    with served(environment={"MAX_MEMORY": "96m"}) as box, ThreadPoolExecutor() as pool:
        neighbour = pool.submit(box.execute, "const held = new Uint8Array(30 << 20).fill(1); await Bun.sleep(4000); 1")
        assert eventually(lambda: box.state()["running"] == 1)
        box.execute(f"Bun.spawnSync([process.execPath, '-e', {json.dumps(middle)}])")
        assert neighbour.result()["outcome"] == "ok"


def test_one_that_eats_memory_ends_and_its_neighbour_goes_on(engine: DockerEngine) -> None:
    with served(environment={"MAX_MEMORY": "96m"}) as box, ThreadPoolExecutor() as pool:
        neighbour = pool.submit(box.execute, "await Bun.sleep(3000); 'fine'")
        assert eventually(lambda: box.state()["running"] == 1)
        assert box.execute(EATS)["outcome"] == "memory"
        assert neighbour.result()["outcome"] == "ok"


def test_what_a_session_eats_between_two_executions_ends_it_and_the_next_is_told(engine: DockerEngine) -> None:
    with served(environment={"MAX_MEMORY": "96m"}) as box:
        session = box.client.post("/sessions", json={}).json()["session"]
        box.execute("const all = []; setInterval(() => all.push(new Uint8Array(1 << 20).fill(1)), 20)", session=session)
        assert eventually(lambda: box.state()["restarts"] == 1)
        told = box.execute("console.log(1)", session=session)
        message = "memory limit 96 MB reached; all variables are gone"
        assert (told["outcome"], told["state"], told["message"], told["stdout"]) == ("memory", "lost", message, "")
        assert box.printed("console.log(typeof all)", session=session) == "undefined\n"


def test_the_one_that_eats_most_is_ended_first_where_only_all_have_a_limit(box: Served) -> None:
    assert box.idles()
    with ThreadPoolExecutor() as pool:
        small = pool.submit(
            box.execute, "const held = new Uint8Array(8 << 20).fill(1); await Bun.sleep(3000); held.length"
        )
        assert eventually(lambda: box.state()["running"] == 1)
        assert box.execute(EATS)["outcome"] == "memory"
        assert small.result()["outcome"] == "ok"
    box.lives()


@pytest.mark.parametrize("code", HIDDEN_EATERS.values(), ids=HIDDEN_EATERS)
def test_memory_that_a_process_does_not_show_as_its_own_has_the_same_limit(engine: DockerEngine, code: str) -> None:
    with served(environment={"MAX_MEMORY": "96m"}) as box, ThreadPoolExecutor() as pool:
        small = pool.submit(box.execute, "const held = new Uint8Array(30 << 20).fill(1); await Bun.sleep(3000); 1")
        assert eventually(lambda: box.state()["running"] == 1)
        assert box.execute(code)["message"] == "memory limit 96 MB reached; all variables are gone"
        assert small.result()["outcome"] == "ok"


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_after_an_attack_the_next_is_served(box: Served, bomb: str) -> None:
    assert box.idles()
    box.execute(bomb, timeout_ms=1500)
    box.lives()


def test_code_that_takes_all_descriptors_of_the_supervisor_does_not_end_it(engine: DockerEngine) -> None:
    with served("--ulimit=nofile=1024:2048") as box:
        session = box.client.post("/sessions", json={}).json()["session"]
        box.execute("let kept = 42", session=session)
        box.execute(
            "const { connect } = require('node:net'); const host = require('node:os').hostname();"
            "for (let i = 0; i < 1900; i++) { const line = connect(9998, host); line.on('error', () => {});"
            "  line.write('GET /health/live HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); if (i % 50 === 0) await Bun.sleep(5) }"
            "await Bun.sleep(2000)"
        )
        box.lives()
        assert box.printed("console.log(kept)", session=session) == "42\n"


def test_resets_that_come_together_leave_one_worker(box: Served) -> None:
    session = box.client.post("/sessions", json={}).json()["session"]
    with ThreadPoolExecutor() as pool:
        answers = pool.map(lambda _: box.client.post("/reset", json={"session": session}), range(6))
    assert {answer.status_code for answer in answers} <= {httpx.codes.OK, httpx.codes.CONFLICT}
    box.execute("let kept = 42", session=session)
    # Longer than a supervisor waits that takes its worker for one that cannot start.
    assert box.printed("await Bun.sleep(11_000); console.log(kept)", session=session) == "42\n"
    box.client.delete(f"/sessions/{session}")
