"""Laws of endings: whatever ends, and however, its neighbours are told at once and nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_package import package_client
from tests.conftest import eventually, sandboxes_of
from tests.integration.kernels import ANSI, Notebook, errors, install_spec, kernel, text
from tests.integration.test_second_engine import bring_image, engine_disk, running, told

TOLD_SECONDS = 5
"""A cell whose sandbox has ended or is silent is told within so long."""
GONE_SECONDS = 30


def folders_of(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"bun-sandbox-{pid}-*"))


def nothing_left(pid: int) -> bool:
    return not sandboxes_of(pid) and not folders_of(pid)


# -- the worker --------------------------------------------------------------------------------------------------------

BOMB = "const all = []; while (true) all.push(new Uint8Array(1 << 22).fill(1))"


@pytest.mark.parametrize(
    ("code", "ename", "reason"),
    [
        (BOMB, "MemoryError", "memory limit 256 MB"),
        ("process.abort()", "WorkerCrashed", "SIGABRT"),
        ("process.kill(process.pid, 'SIGKILL'); while (true) {}", "WorkerCrashed", "SIGKILL"),
        ("await Bun.sleep(50); process.exit(0)", "WorkerCrashed", "0"),
    ],
    ids=["memory", "abort", "kill", "exit"],
)
def test_a_worker_that_ends_is_explained_and_the_next_cell_runs_in_the_same_sandbox(
    notebook: Notebook, code: str, ename: str, reason: str
) -> None:
    notebook.run("var doomed = 1")
    before = sandboxes_of(notebook.pid)
    reply, published = notebook.run(code)
    (error,) = errors(published)
    assert (reply["status"], error["ename"]) == ("error", ename)
    assert reason in error["evalue"]
    assert "variables are gone" in error["evalue"]
    assert notebook.value("typeof doomed") == '"undefined"'
    assert sandboxes_of(notebook.pid) == before


@pytest.mark.parametrize("end", ["process.abort()", "process.exit(3)"])
def test_a_worker_that_ends_between_two_cells_is_said_aloud(notebook: Notebook, end: str) -> None:
    request = notebook.send(f"var doomed = 1; setTimeout(() => {end}, 300);")
    assert notebook.reply(request)["status"] == "ok"
    said = said_aloud(notebook)
    assert said.startswith("Between two cells, ")
    assert "variables are gone" in said
    assert notebook.value("typeof doomed") == '"undefined"'


def said_aloud(notebook: Notebook) -> str:
    """Return the next text on IOPub, whoever asked for it."""
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        message = notebook.client.get_iopub_msg(timeout=deadline - time.monotonic())
        if message["msg_type"] == "stream":
            return str(message["content"]["text"])


# -- the sandbox -------------------------------------------------------------------------------------------------------


def supervisor(client: Any, sandbox: str) -> int:
    return int(client.inspect_container(sandbox)["State"]["Pid"])


def hang(client: Any, sandbox: str) -> None:
    """Stop the supervisor, and not its worker."""
    if os.geteuid() != 0:
        pytest.skip("only root may stop a process of the sandbox")
    os.kill(supervisor(client, sandbox), signal.SIGSTOP)


ENDS: dict[str, Callable[[Any, str], None]] = {
    "removed": lambda client, sandbox: client.remove_container(sandbox, force=True),
    "killed": lambda client, sandbox: client.kill(sandbox),
    "stopped": lambda client, sandbox: client.stop(sandbox),
    "paused": lambda client, sandbox: client.pause(sandbox),
    "hung": hang,
}


@pytest.mark.parametrize("running_code", ["while (true) {}", "await new Promise(() => {})"], ids=["busy", "waiting"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_cell_is_told_at_once_that_its_sandbox_is_gone_and_the_next_one_gets_a_fresh_one(
    notebook: Notebook, end: Callable[[Any, str], None], running_code: str
) -> None:
    notebook.run("var doomed = 1")
    (before,) = sandboxes_of(notebook.pid)
    request = notebook.print_first(f"console.log('on it'); {running_code}")
    end(package_client(), before)
    ended = time.monotonic()
    reply = notebook.reply(request)
    assert time.monotonic() - ended < TOLD_SECONDS
    assert (reply["status"], reply["ename"]) == ("error", "SandboxDied")
    assert "All variables are gone" in reply["evalue"]
    assert notebook.value("typeof doomed") == '"undefined"'
    (after,) = sandboxes_of(notebook.pid)
    assert after != before


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_sandbox_that_is_gone_between_two_cells_is_said_aloud_and_replaced(
    notebook: Notebook, end: Callable[[Any, str], None]
) -> None:
    notebook.run("var doomed = 1")
    (before,) = sandboxes_of(notebook.pid)
    end(package_client(), before)
    ended = time.monotonic()
    assert said_aloud(notebook) == "Between two cells, the sandbox ended; all variables are gone.\n"
    assert time.monotonic() - ended < TOLD_SECONDS
    assert notebook.value("typeof doomed") == '"undefined"'
    assert eventually(lambda: before not in sandboxes_of(notebook.pid))


@pytest.mark.parametrize("end", [ENDS["paused"], ENDS["hung"]], ids=["paused", "hung"])
def test_a_silent_sandbox_keeps_no_cell_waiting(notebook: Notebook, end: Callable[[Any, str], None]) -> None:
    notebook.run("0")
    (before,) = sandboxes_of(notebook.pid)
    end(package_client(), before)
    sent = time.monotonic()
    reply, _ = notebook.run("'" + "x" * 900_000 + "'", stop_on_error=False)
    assert time.monotonic() - sent < TOLD_SECONDS
    assert "silent for 4 s" in reply["evalue"]
    assert notebook.value("6 * 7") == "42"


@pytest.mark.parametrize("end", [ENDS["paused"], ENDS["hung"]], ids=["paused", "hung"])
def test_a_silent_sandbox_on_a_port_keeps_no_cell_waiting(
    engine: DockerEngine, tmp_path: Path, end: Callable[[Any, str], None]
) -> None:
    with kernel(tmp_path, BUN_SANDBOX_TRANSPORT="tcp") as notebook:
        request = notebook.print_first("console.log('on it'); await new Promise(() => {})")
        (before,) = sandboxes_of(notebook.pid)
        end(package_client(), before)
        ended = time.monotonic()
        reply = notebook.reply(request)
        assert time.monotonic() - ended < TOLD_SECONDS
        assert "silent for 4 s" in reply["evalue"]
        assert notebook.value("6 * 7") == "42"


def test_a_sandbox_on_a_port_ends_with_its_kernel(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path, BUN_SANDBOX_TRANSPORT="tcp") as notebook:
        pid = notebook.pid
        notebook.run("0")
        assert sandboxes_of(pid)
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: nothing_left(pid), GONE_SECONDS)


def test_a_sandbox_without_a_moment_of_cpu_left_is_not_taken_for_silent(notebook: Notebook) -> None:
    notebook.run("var kept = 1")
    busy = (
        "const busy = Array.from({ length: 8 }, () => Bun.spawn([process.execPath, '-e', 'while (true) {}']));"
        "const end = Date.now() + 10_000; while (Date.now() < end) {} busy.forEach((child) => child.kill());"
    )
    reply, _ = notebook.run(busy)
    assert reply["status"] == "ok", reply
    assert notebook.value("kept") == "1"


def test_a_kernel_that_stood_still_does_not_take_its_sandbox_for_silent(notebook: Notebook) -> None:
    notebook.run("var kept = 1")
    os.kill(notebook.pid, signal.SIGSTOP)
    time.sleep(6)
    os.kill(notebook.pid, signal.SIGCONT)
    assert notebook.value("await Bun.sleep(1500), kept") == "1"


def test_a_sandbox_that_runs_has_nothing_on_the_disk(notebook: Notebook) -> None:
    assert notebook.value("6 * 7") == "42"
    assert folders_of(notebook.pid) == []


# -- the engine --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("engine")
def test_an_engine_that_restarts_costs_the_variables_and_no_more(tmp_path: Path) -> None:
    with engine_disk("512m") as engine, ExitStack() as stack:
        with running(engine):
            bring_image(engine)
            notebook = stack.enter_context(kernel(tmp_path, DOCKER_HOST=engine.address))
            request = notebook.print_first("console.log('on it'); await new Promise(() => {})")
        assert notebook.reply(request)["ename"] == "SandboxDied"
        assert told(notebook).startswith(f"EngineUnavailable: No Docker engine answers at {engine.address}.")
        with running(engine):
            assert notebook.value("6 * 7") == "42"
            notebook.manager.shutdown_kernel()


@pytest.mark.usefixtures("engine")
def test_an_engine_that_hangs_holds_up_neither_cells_nor_their_ends(tmp_path: Path) -> None:
    with engine_disk("512m") as engine, running(engine) as daemon:
        bring_image(engine)
        client = APIClient(engine.address, version="auto", timeout=120)
        with kernel(tmp_path, DOCKER_HOST=engine.address) as notebook:
            notebook.run("var kept = 1")
            (sandbox,) = client.containers(quiet=True)
            pid = supervisor(client, sandbox["Id"])
            request = notebook.print_first("console.log('on it'); await Bun.sleep(1000); console.log(kept)")
            daemon.send_signal(signal.SIGSTOP)
            try:
                assert text(list(notebook.messages(request))) == "1\n"
                assert notebook.reply(request)["status"] == "ok"
                request = notebook.print_first("console.log('on it'); while (true) {}")
                os.kill(pid, signal.SIGSTOP)
                ended = time.monotonic()
                assert notebook.reply(request)["ename"] == "SandboxDied"
                assert time.monotonic() - ended < TOLD_SECONDS
                assert "did not answer within 30 s. Restart it" in told(notebook)
            finally:
                daemon.send_signal(signal.SIGCONT)
            assert notebook.value("6 * 7") == "42"
            assert eventually(lambda: len(client.containers(all=True)) == 1), client.containers(all=True)
            daemon.send_signal(signal.SIGSTOP)
            try:
                os.kill(notebook.pid, signal.SIGTERM)
                assert eventually(lambda: not notebook.manager.is_alive(), GONE_SECONDS)
            finally:
                daemon.send_signal(signal.SIGCONT)
            assert eventually(lambda: client.containers(all=True) == [], GONE_SECONDS)


# -- the kernel --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_kernel_leaves_nothing_on_the_disk(
    engine: DockerEngine, tmp_path: Path, number: signal.Signals
) -> None:
    with kernel(tmp_path) as notebook:
        pid = notebook.pid
        notebook.print_first("console.log('on it'); while (true) {}")
        os.kill(pid, number)
        assert eventually(lambda: not notebook.manager.is_alive())
        assert eventually(lambda: nothing_left(pid), GONE_SECONDS)


def test_a_kernel_restarted_during_a_cell_leaves_nothing_on_the_disk(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        pid = notebook.pid
        notebook.print_first("console.log('on it'); while (true) {}")
        notebook.manager.restart_kernel()
        assert eventually(lambda: nothing_left(pid), GONE_SECONDS)


PARENT = """
import os, sys, time
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
specs = KernelSpecManager(kernel_dirs=[sys.argv[1]])
manager = KernelManager(kernel_name="bun_sandbox", kernel_spec_manager=specs)
manager.start_kernel(env={**os.environ, "JUPYTER_DATA_DIR": sys.argv[1]})
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
client.execute("console.log('on it'); while (true) {}")
while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
    pass
print(manager.provisioner.pid, flush=True)
time.sleep(600)
"""


def test_a_kernel_whose_parent_is_killed_leaves_nothing(engine: DockerEngine, tmp_path: Path) -> None:
    install_spec(tmp_path)
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert len(sandboxes_of(pid)) == 1
        parent.kill()
    assert eventually(lambda: not Path("/proc", str(pid)).exists(), GONE_SECONDS)
    assert eventually(lambda: nothing_left(pid), GONE_SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_kernel_killed_at_its_start_has_left_is_gone_with_the_next_start(
    engine: DockerEngine, tmp_path: Path, number: signal.Signals
) -> None:
    install_spec(tmp_path)
    command = [sys.executable, "-m", "bun_sandbox_kernel", "-f", str(tmp_path / "connection.json")]
    pids = []
    for tenths in range(1, 9):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
            pids.append(started.pid)
            time.sleep(tenths / 10)
            started.send_signal(number)
    with kernel(tmp_path) as notebook:
        assert notebook.value("6 * 7") == "42"
        assert eventually(lambda: all(nothing_left(pid) for pid in pids), GONE_SECONDS)


def test_the_reason_is_one_sentence_with_its_remedy(notebook: Notebook) -> None:
    notebook.run("0")
    (before,) = sandboxes_of(notebook.pid)
    request = notebook.print_first("console.log('on it'); await new Promise(() => {})")
    package_client().pause(before)
    shown = ANSI.sub("", "\n".join(notebook.reply(request)["traceback"]))
    assert shown == (
        "SandboxDied: The sandbox was silent for 4 s, so it was ended. "
        "All variables are gone; the next cell starts a fresh sandbox."
    )
