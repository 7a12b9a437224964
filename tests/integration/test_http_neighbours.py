"""What an execution gets hold of that is another's, beside it or before it."""

from __future__ import annotations

import json
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
