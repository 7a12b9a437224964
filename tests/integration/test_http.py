"""What a person with curl has of a container, and what a hostile one cannot do to it and to the others."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from bun_sandbox_kernel import image
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.resources import SECCOMP_PROFILE
from tests.conftest import eventually
from tests.integration.served import HARDENED, Served, docker, served

HANGS = "await new Promise(() => {})"
EATS = "const all = []; for (;;) { all.push(new Uint8Array(1 << 20).fill(1)); await Bun.sleep(1) }"
MEGABYTE = 1 << 20
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
HEADERS = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 900) for number in range(2000))
NO_REQUESTS = {
    "flood of headers": b"GET /health HTTP/1.1\r\nHost: x\r\n" + HEADERS + b"\r\n",
    "endless path": b"GET /" + b"x" * MEGABYTE + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "negative length": b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "bad chunk": b"POST /execute HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}
BAD_BODIES = {
    "words": (b"code", 400),
    "array": (b"[]", 400),
    "empty object": (b"{}", 400),
    "not UTF-8": (b"\xff\xfe", 400),
    "nothing": (b"", 400),
    "number": (b'{"code": 1}', 400),
    "null": (b'{"code": null}', 400),
    "negative limit": (b'{"code": "1", "timeout_ms": -1}', 400),
    "limit that is null": (b'{"code": "1", "timeout_ms": null}', 400),
    "colour that is null": (b'{"code": "1", "color": null}', 400),
    "file that is null": (b'{"code": "1", "file": null}', 400),
    "session that is no name": (b'{"code": "1", "session": 5}', 400),
    "unknown session": (b'{"code": "1", "session": "none"}', 404),
    "100 MB": (b"x" * (100 * MEGABYTE), 413),
}


@pytest.fixture(scope="module")
def box(engine: DockerEngine) -> Iterator[Served]:
    with served() as container:
        yield container


# -- the contract ------------------------------------------------------------------------------------------------------


def test_code_is_answered_with_what_it_prints(box: Served) -> None:
    ran = box.execute('console.log("Hello from sandbox!"); 6 * 7')
    assert (ran["stdout"], ran["result"], ran["outcome"]) == ("Hello from sandbox!\n", {"text/plain": "42"}, "ok")


def test_every_answer_is_one_that_the_contract_names(engine: DockerEngine, tmp_path: Path) -> None:
    """Schemathesis makes requests of the contract, lawful and unlawful, and holds the answers to it."""
    program = Path(sys.executable).with_name("schemathesis")
    with served() as box:
        command = (program, "run", f"{box.client.base_url}/openapi.json", "--max-examples", "40", "--no-color")
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout
        assert "18/18" in run.stdout


def test_the_port_of_health_serves_nothing_else(box: Served) -> None:
    assert box.health.get("/health/live").json() == {"status": "ok"}
    assert "bun_sandbox_executions_total" in box.health.get("/metrics").text
    assert box.health.post("/execute", json={"code": "1"}).status_code == httpx.codes.NOT_FOUND


def test_a_secret_is_asked_for_where_there_is_one(engine: DockerEngine) -> None:
    with served(environment={"BUN_SANDBOX_SECRET": "s3cret"}) as box:
        assert box.client.post("/execute", json={"code": "1"}).status_code == httpx.codes.UNAUTHORIZED
        box.client.headers["authorization"] = "Bearer s3cret"
        assert box.printed("console.log(JSON.stringify(process.env).includes('s3cret'))") == "false\n"


def test_limits_come_from_the_environment(engine: DockerEngine) -> None:
    environment = {"MAX_EXECUTION_TIME": "300", "MAX_MEMORY": "128m", "NODE_ENV": "staging"}
    with served(environment=environment) as box:
        assert box.printed("console.log(process.env.NODE_ENV)") == "staging\n"
        assert box.execute("for (;;);")["outcome"] == "timeout"
        ran = box.execute(EATS.replace("await Bun.sleep(1)", ""))
        assert (ran["outcome"], ran["error"]["message"]) == (
            "memory",
            "memory limit 128 MB reached; all variables are gone",
        )
        box.lives()


def test_a_container_ends_at_once_when_it_is_asked_to(engine: DockerEngine) -> None:
    with served() as box:
        docker("stop", "--time=20", box.name)
        assert docker("inspect", "--format={{.State.ExitCode}}", box.name) == "0\n"


def test_code_inside_cannot_order_work_for_itself(box: Served) -> None:
    ask = """
const asked = [["execute", "POST"], ["interrupt", "POST"], ["sessions/x", "DELETE"], ["health", "GET"]];
for (const host of ["127.0.0.1", "localhost", require("node:os").hostname()])
  for (const [path, method] of asked) {
    const answer = await fetch(`http://${host}:9998/${path}`, { method, body: method === "POST" ? "{}" : undefined });
    console.log(answer.status);
  }
"""
    assert box.printed(ask).split() == ["403", "403", "403", "200"] * 3


# -- many at once ------------------------------------------------------------------------------------------------------


def test_executions_run_beside_each_other(box: Served) -> None:
    assert box.idles()
    meet = (
        "import { existsSync, writeFileSync } from 'node:fs'; writeFileSync('/tmp/' + me, '');"
        "while (!(existsSync('/tmp/a') && existsSync('/tmp/b'))) await Bun.sleep(5); console.log(me)"
    )
    with ThreadPoolExecutor() as pool:
        printed = pool.map(lambda me: box.printed(f"const me = '{me}'; {meet}"), "ab")
    assert list(printed) == ["a\n", "b\n"]


def test_past_the_queue_clients_are_told_to_ask_again(box: Served) -> None:
    assert box.idles()
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda _: box.client.post("/execute", json={"code": "1"}), range(60)))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {httpx.codes.OK, httpx.codes.TOO_MANY_REQUESTS}
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code != httpx.codes.OK} == {"1"}
    box.lives()


@pytest.mark.parametrize("place", ["/tmp/left", "/dev/shm/left", "left", "/tmp/a/b/c/left"])
def test_the_next_execution_finds_no_file_of_the_one_before(box: Served, place: str) -> None:
    assert box.idles()
    assert box.printed(f"await Bun.write('{place}', '1'); console.log(1)") == "1\n"
    assert eventually(lambda: box.printed(f"console.log(await Bun.file('{place}').exists())") == "false\n", 5)


def test_every_execution_finds_its_folder_empty_in_a_crowd_and_after_it(box: Served) -> None:
    look = "console.log(require('node:fs').readdirSync('.').length); await Bun.write('left', '1')"
    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            crowd = set(pool.map(lambda _: box.printed(look), range(16)))
        assert box.idles()
        assert crowd | {box.printed(look) for _ in range(4)} == {"0\n"}


def test_what_an_execution_has_started_ends_with_it(box: Served) -> None:
    daemon = "Bun.spawn([process.execPath, '-e', 'setInterval(() => {}, 1e6)'], { detached: true }).unref();"
    nested = f"Bun.spawn([process.execPath, '-e', {json.dumps(daemon)}], {{ detached: true }}).unref(); process.exit()"
    box.execute(f"{daemon} await Bun.spawn([process.execPath, '-e', {json.dumps(nested)}]).exited")
    # Five at most: the supervisor, and its workers.
    assert eventually(lambda: int(docker("top", box.name, "-o", "pid").count("\n")) <= 6)
    box.lives()


def test_a_client_that_hangs_up_ends_its_execution(box: Served) -> None:
    assert box.idles()
    with pytest.raises(httpx.ReadTimeout):
        box.client.post("/execute", json={"code": HANGS}, timeout=0.5)
    assert box.idles()


def test_events_come_as_they_happen(box: Served) -> None:
    body = {"code": "console.log(1); await Bun.sleep(300); console.log(2)"}
    headers = {"accept": "application/x-ndjson"}
    with box.client.stream("POST", "/execute", json=body, headers=headers) as answer:
        came = [(json.loads(line), time.monotonic()) for line in answer.iter_lines()]
    assert [event["type"] for event, _ in came] == ["stream", "stream", "end"]
    assert came[1][1] - came[0][1] > 0.1


# -- neighbours --------------------------------------------------------------------------------------------------------


OTHERS = """import { readdirSync, openSync, readFileSync, writeFileSync, unlinkSync, renameSync } from "node:fs";
import { dirname } from "node:path";
const others = readdirSync("/proc").map(Number).filter((pid) => pid > 0 && pid !== process.pid);
const works = (attempt) => { try { attempt(); return true } catch { return false } };
"""
"""What of its neighbours, and of the supervisor, an execution gets hold of."""


@pytest.fixture
def neighbour(box: Served) -> Iterator[None]:
    """Let an execution run beside the test, with a file of its own, which it finds as it was."""
    assert box.idles()
    code = """await Bun.write("own", "secret"); await Bun.sleep(3000); console.log(await Bun.file("own").text())"""
    with ThreadPoolExecutor() as pool:
        running = pool.submit(box.printed, code)
        assert eventually(lambda: box.state()["running"] == 1)
        yield
        assert running.result() == "secret\n"


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("file", ["mem", "environ", "fd/1", "cwd/x", "root/etc"])
def test_an_execution_reads_nothing_of_its_neighbours_processes(box: Served, file: str) -> None:
    look = f"{OTHERS} console.log(others.filter((pid) => works(() => openSync(`/proc/${{pid}}/{file}`))).length)"
    assert box.printed(look) == "0\n"


@pytest.mark.usefixtures("neighbour")
def test_an_execution_opens_no_memory_of_a_worker_that_starts(box: Served) -> None:
    look = """let opened = 0, seen = new Set(), end = performance.now() + 2000;
while (performance.now() < end) for (const pid of readdirSync("/proc").map(Number)) {
  if (!(pid > 1) || pid === process.pid) continue;
  seen.add(pid);
  if (works(() => openSync(`/proc/${pid}/mem`, "r+"))) opened++;
}
console.log(seen.size > 10, opened)"""
    with ThreadPoolExecutor() as pool:
        looking = pool.submit(box.printed, OTHERS + look)
        while not looking.done():
            box.execute("1")
        assert looking.result() == "true 0\n"


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGSTOP", "SIGKILL", "SIGSEGV"])
def test_an_execution_signals_neither_its_neighbours_nor_a_thread_of_the_supervisor(box: Served, name: str) -> None:
    strike = f"""const all = [...others, ...readdirSync("/proc/1/task").map(Number)];
console.log(all.length > 2, all.filter((pid) => works(() => process.kill(pid, "{name}"))).length)"""
    assert box.printed(OTHERS + strike) == "true 0\n"


@pytest.mark.usefixtures("neighbour")
def test_an_execution_opens_and_changes_no_file_of_its_neighbours(box: Served) -> None:
    strike = """const home = process.cwd(), above = home + "/..";
const found = readdirSync(above).filter((name) => !home.endsWith(name)).map((name) => `${above}/${name}/own`);
const attempts = {
  read: (path) => readFileSync(path), write: (path) => writeFileSync(path, "mine"), end: (path) => unlinkSync(path),
  take: (path) => renameSync(path, home + "/taken"), replace: (path) => renameSync(dirname(path), above + "/gone"),
  later: (path) => Bun.spawnSync([process.execPath, "-e", `require("fs").readFileSync("${path}")`]).success || null.x,
};
const held = Object.entries(attempts).filter(([, act]) => found.some((path) => works(() => act(path))));
console.log(found.length > 0, held)"""
    assert box.printed(OTHERS + strike) == "true []\n"


def test_an_execution_does_not_give_up_being_ended_first(box: Served) -> None:
    code = """writeFileSync("/proc/self/oom_score_adj", "0")"""
    assert box.execute(OTHERS + code)["error"]["message"].startswith("EACCES")
    # What it starts is not hidden, and could.
    child = f"Bun.spawnSync([process.execPath, '-e', {json.dumps(OTHERS + code)}]).stderr.toString()"
    assert "EACCES" in box.printed(f"console.log({child})")
    assert box.printed(f"{OTHERS} console.log(Number(readFileSync('/proc/self/oom_score_adj')))") == "1000\n"


@pytest.fixture
def hostile(box: Served) -> Iterator[Callable[[str], None]]:
    """Run code in a process that a session leaves behind, beside whatever the test does, until the test ends."""
    opened = box.client.post("/sessions", json={}).json()["session"]

    def leave(code: str) -> None:
        begun = f"require('fs').writeFileSync('begun', ''); {code}"
        child = f"Bun.spawn([process.execPath, '-e', {json.dumps(begun)}], {{ stdout: 'ignore', stderr: 'ignore' }})"
        assert box.execute(f"globalThis.child = {child}; 1", session=opened)["outcome"] == "ok"
        assert eventually(lambda: "begun" in box.client.get("/files", params={"session": opened}).text)

    yield leave
    box.client.delete(f"/sessions/{opened}")


def test_no_mode_that_a_neighbour_sets_keeps_a_file_for_whoever_comes_next(
    box: Served, hostile: Callable[[str], None]
) -> None:
    session = box.client.post("/sessions", json={}).json()["session"]
    box.execute("await Bun.write('kept', 'secret')", session=session)
    hostile(
        "const fs = require('fs'); const root = '/sandbox/code/'; for (;;) for (const name of fs.readdirSync(root))"
        " if (!process.env.HOME.endsWith(name)) try { fs.chmodSync(root + name, 0o500) } catch {}"
    )
    box.client.delete(f"/sessions/{session}")
    look = "console.log(require('fs').readdirSync('.').length)"
    assert {box.printed(look) for _ in range(12)} == {"0\n"}


def test_no_mode_that_a_neighbour_sets_keeps_others_from_their_folders(box: Served) -> None:
    session = box.client.post("/sessions", json={}).json()["session"]
    home = box.printed("console.log(process.cwd())", session=session).strip()
    for folder in ("/sandbox/code", "/tmp", home):
        box.execute(f"require('fs').chmodSync('{folder}', 0)")
    assert eventually(lambda: box.execute("await Bun.write('/tmp/a', '1'); 1", timeout_ms=3000)["outcome"] == "ok", 10)
    box.lives()
    assert box.client.post("/reset", json={"session": session}).status_code == httpx.codes.OK
    assert box.execute("await Bun.write('own', '1'); 1", session=session)["outcome"] == "ok"
    box.client.delete(f"/sessions/{session}")


def test_no_link_that_takes_a_folders_place_costs_a_neighbour_its_files(
    box: Served, hostile: Callable[[str], None]
) -> None:
    session = box.client.post("/sessions", json={}).json()["session"]
    files = "for (let i = 0; i < 20; i++) require('fs').writeFileSync('own' + i, ''); console.log(process.cwd())"
    home = box.printed(files, session=session).strip()
    hostile(f"""const fs = require("fs"); const {{ dlopen, ptr }} = require("bun:ffi");
const args = ["i32", "ptr", "i32", "ptr", "u32"];
const {{ renameat2 }} = dlopen("libc.so.6", {{ renameat2: {{ args, returns: "i32" }} }}).symbols;
const [here, there] = [Buffer.from("/tmp/x\\0"), Buffer.from("/tmp/y\\0")];
for (let i = 0; ; i++) {{
  if (renameat2(-100, ptr(here), -100, ptr(there), 2) < 0) {{
    try {{ fs.mkdirSync("/tmp/x") }} catch {{}}
    try {{ fs.symlinkSync("{home}", "/tmp/y") }} catch {{}}
  }}
  if (i % 50 === 0) Bun.sleepSync(0);
}}""")
    count = "console.log(require('fs').readdirSync('.').length)"
    for _ in range(150):
        box.execute("1")
    assert box.printed(count, session=session) == "20\n"
    box.client.delete(f"/sessions/{session}")


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


def test_where_the_kernel_keeps_nobody_apart_health_says_so_and_memory_stays_closed(
    engine: DockerEngine, tmp_path: Path
) -> None:
    profile = json.loads(SECCOMP_PROFILE.read_text("utf-8"))
    profile["syscalls"] = [rule for rule in profile["syscalls"] if "landlock_restrict_self" not in rule["names"]]
    (tmp_path / "seccomp.json").write_text(json.dumps(profile))
    with served(f"--security-opt=seccomp={tmp_path / 'seccomp.json'}") as box:
        assert box.state()["landlock"] == 0
        look = f"{OTHERS} console.log(others.filter((pid) => works(() => openSync(`/proc/${{pid}}/mem`))).length)"
        # A worker that has just started has yet to hide itself.
        assert eventually(lambda: box.printed(look) == "0\n", 5)


def test_workers_that_cannot_start_are_told_in_the_log_with_what_they_said(engine: DockerEngine) -> None:
    name = f"bun-sandbox-test-{uuid.uuid4().hex[:8]}"
    docker("run", "--detach", f"--name={name}", *HARDENED, "--pids-limit=6", image.reference())
    try:
        assert eventually(lambda: '"event":"worker_failed","said":"' in docker("logs", name), 30)
    finally:
        docker("rm", "--force", name)


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


def test_a_session_never_sees_the_files_of_whoever_had_its_place(box: Served) -> None:
    for _ in range(5):
        assert box.idles()
        with ThreadPoolExecutor() as pool:
            for _ in range(4):
                pool.submit(box.execute, "await Bun.write('secret.txt', '1'); await Bun.sleep(300)")
            assert eventually(lambda: box.state()["running"] > 0)
            opened = box.client.post("/sessions", json={})
            while opened.status_code == httpx.codes.TOO_MANY_REQUESTS:
                opened = box.client.post("/sessions", json={})
            session = opened.json()["session"]
            files = box.client.get(f"/files?session={session}")
            assert files.status_code == httpx.codes.CONFLICT or files.json()["entries"] == []
            box.client.delete(f"/sessions/{session}")


# -- bad clients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "status"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_and_the_next_served(box: Served, body: bytes, status: int) -> None:
    answer = box.client.post("/execute", content=body)
    assert (answer.status_code, set(answer.json()["error"])) == (status, {"code", "message"})
    box.lives()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_a_wrong_verb_is_refused_and_the_right_one_named(box: Served, method: str) -> None:
    answer = box.client.request(method, "/execute")
    assert (answer.status_code, answer.headers["allow"]) == (httpx.codes.METHOD_NOT_ALLOWED, "POST")


def test_two_executions_of_one_session_do_not_meet(box: Served) -> None:
    session = box.client.post("/sessions", json={}).json()["session"]
    with ThreadPoolExecutor() as pool:
        first = pool.submit(box.execute, "await Bun.sleep(500); 1", session=session)
        assert eventually(lambda: box.state()["running"] == 1)
        assert box.client.post("/execute", json={"code": "2", "session": session}).status_code == httpx.codes.CONFLICT
        assert first.result()["outcome"] == "ok"
    assert box.client.delete(f"/sessions/{session}").status_code == httpx.codes.NO_CONTENT
    assert session not in docker("logs", box.name), "whoever reads the log could use the session"


def test_clients_that_send_a_byte_now_and_then_keep_nobody_from_being_served(box: Served) -> None:
    lines = [connect(box) for _ in range(300)]
    for line in lines:
        line.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\n")
    box.lives()
    assert eventually(lambda: is_closed(lines[0]), 40)
    for line in lines:
        line.close()


def test_a_body_that_does_not_come_is_not_waited_for(box: Served) -> None:
    with connect(box) as line:
        line.sendall(b'POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"code"')
        assert b" 408 " in line.makefile("rb").readline()
    box.lives()


def test_bodies_that_lack_their_end_do_not_take_the_memory_of_all(box: Served) -> None:
    lines = [connect(box) for _ in range(120)]
    for line in lines:
        line.settimeout(5)
        try:
            line.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 1048570\r\n\r\n" + b"x" * 1_000_000)
        except (TimeoutError, ConnectionError):
            continue
    box.lives()
    for line in lines:
        line.close()


def test_answers_that_nobody_reads_do_not_take_the_memory_of_all(box: Served) -> None:
    code = json.dumps({"code": "console.log('\\u0001'.repeat(1e6))"}).encode()
    lines = [connect(box) for _ in range(30)]
    for line in lines:
        line.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(code) + code)
    box.lives()
    for line in lines:
        line.close()


def test_answers_as_large_as_they_may_be_leave_the_supervisor_memory_to_live(engine: DockerEngine) -> None:
    """In JSON each of these bytes takes six."""
    with served(environment={"MAX_OUTPUT": "10m"}) as box, ThreadPoolExecutor() as pool:
        answers = pool.map(box.printed, ["console.log('\\u0001'.repeat(11e6))"] * 6)
        assert {len(printed) for printed in answers} == {10 * MEGABYTE}
        box.lives()


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_an_answer_that_nobody_reads_is_dropped_once_its_execution_has_ended(engine: DockerEngine, accept: str) -> None:
    code = json.dumps({"code": "console.log('\\u0001'.repeat(11e6))"}).encode()
    head = f"POST /execute HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nContent-Length: {len(code)}\r\n\r\n".encode()
    with served(environment={"MAX_OUTPUT": "10m"}) as box:
        lines = [connect(box) for _ in range(12)]
        for line in lines:
            line.sendall(head + code)
        assert eventually(lambda: connections(box) == len(lines))
        assert eventually(lambda: connections(box) == 0, 60)
        box.lives()
        for line in lines:
            line.close()


def connections(box: Served) -> int:
    """Count those that the supervisor keeps open on 9998 (proc_net_tcp of Linux: local address, then state 01)."""
    pid = docker("inspect", "--format={{.State.Pid}}", box.name).strip()
    tables = [Path(f"/proc/{pid}/net/{name}").read_text("ascii") for name in ("tcp", "tcp6")]
    rows = [row.split() for table in tables for row in table.splitlines()[1:]]
    return sum(local.endswith(f":{9998:04X}") and state == "01" for _, local, _, state, *_ in rows)


@pytest.mark.parametrize("request_bytes", NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_what_is_no_request_is_refused_or_hung_up_on(box: Served, request_bytes: bytes) -> None:
    with connect(box) as line:
        try:
            line.sendall(request_bytes)
            first = line.makefile("rb").readline()
        except ConnectionError:
            first = b""
    assert first == b"" or first.split()[1].startswith(b"4")
    box.lives()


@pytest.mark.parametrize("host", ["Host: a b", "Host:", "Host: x:99999", "Host: a/b", "X-Forwarded-Host: z"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_whatever_a_request_says_of_hosts_it_is_answered(box: Served, host: str, version: str) -> None:
    with socket.create_connection(("127.0.0.1", box.port(9999)), timeout=30) as line:
        line.sendall(f"GET /health/live HTTP/{version}\r\n{host}\r\nConnection: close\r\n\r\n".encode())
        answer = line.makefile("rb").read()
    # HTTP/1.1 wants a host (RFC 9112, section 3.2).
    is_refused = version == "1.1" and not host.startswith("Host:")
    assert answer.split()[1] == (b"400" if is_refused else b"200")
    box.log()


@pytest.mark.parametrize("path", ["//x/metrics", "/./../metrics/../nothing", "@x/metrics", "*"])
def test_a_path_is_what_is_asked_for_and_no_other(box: Served, path: str) -> None:
    with connect(box) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert line.makefile("rb").read().split()[1] in {b"400", b"404"}


def test_every_command_of_the_page_gives_what_the_page_says(box: Served, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/http-api.md").read_text("utf-8")
    said = [
        (command, answer.replace("\n ", ""))
        for block in re.findall(r"```\n(\$ .*?)```", page, re.DOTALL)
        for command, answer in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)
    ]
    (tmp_path / "buns.csv").write_text("bun,price\nplain,1\nsweet,2\n\n", "utf-8")
    mark = "--- next ---"
    script = "".join(f"{command}\necho; echo '{mark}'\n" for command, _ in said)
    script = script.replace("localhost:9998", f"127.0.0.1:{box.port(9998)}")
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    answers = done.stdout.split(mark)
    assert len(answers) == len(said) + 1 > 8
    for (command, wanted), answer in zip(said, answers, strict=False):
        assert bool(wanted) == bool(answer.strip()), (command, answer)
        if wanted:
            assert shape(json.loads(answer)) == shape(json.loads(wanted)), command
    assert (tmp_path / "back.csv").read_bytes() == (tmp_path / "buns.csv").read_bytes()


def shape(value: object) -> object:
    """Return what of an answer is the same each time: all but numbers."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return type(value) if isinstance(value, int) else value


def test_without_a_secret_no_web_page_runs_anything(box: Served) -> None:
    simple = {"content-type": "text/plain", "origin": "https://evil.example"}
    for method, path in (("POST", "/execute"), ("POST", "/sessions"), ("GET", "/self_check")):
        answer = box.client.request(method, path, headers=simple, content=b'{"code": "1"}')
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert answer.json()["error"]["message"].startswith("a page of https://evil.example asks")
    assert not box.client.get("/health", headers=simple).headers.get("access-control-allow-origin")


def connect(box: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", box.port(9998)), timeout=30)


def is_closed(line: socket.socket) -> bool:
    line.settimeout(0.05)
    try:
        line.recv(1000)
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


# -- the log -----------------------------------------------------------------------------------------------------------


def test_each_execution_is_a_line_of_the_log_that_says_nothing_of_its_code(box: Served) -> None:
    box.execute("console.log('loud' + 'ly'); throw new Error('quiet' + 'ly')", execution="logged")
    (line,) = [line for line in box.log() if line["execution"] == "logged"]
    assert (line["event"], line["outcome"], line["output_bytes"] > 0) == ("execution", "error", True)
    assert line.keys() >= {"time", "session", "waited_ms", "wall_ms", "cpu_ms", "peak_memory_bytes", "dropped_bytes"}
    assert not any(word in docker("logs", box.name) for word in ("loud", "quiet"))


def test_an_audit_keeps_the_code_and_what_it_printed_what_it_has_cleared_too(engine: DockerEngine) -> None:
    with served(environment={"BUN_SANDBOX_AUDIT": "1"}) as box:
        code = "console.log('loud' + 'ly'); console.clear(); clearOutput(); console.log('calm')"
        assert box.printed(code) == "calm\n"
        (line,) = box.log()
        assert (line["code"], line["stdout"], line["stderr"]) == (code, "loudly\ncalm\n", "")
