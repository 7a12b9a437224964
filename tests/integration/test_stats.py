"""What a person sees of what the sandbox uses, and what programs find."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_api import connect
from bun_sandbox_kernel.engines.docker_package import PackageApi, package_client
from bun_sandbox_kernel.errors import SandboxDied
from bun_sandbox_kernel.policy import MIB, SandboxPolicy
from bun_sandbox_kernel.views.mime import DATA
from tests.conftest import eventually, sandboxes_of, started
from tests.integration.kernels import SECONDS, Message, Notebook, errors, kernel, text

WIDGET = "application/vnd.jupyter.widget-view+json"
SPIN = "setInterval(() => { const end = Date.now() + 80; while (Date.now() < end); }, 100)"


def displays(published: list[Message]) -> list[dict[str, Any]]:
    return [m.content for m in published if m.kind == "display_data"]


def only(published: list[Message]) -> dict[str, Any]:
    (content,) = displays(published)
    return dict(content["data"])


# -- the engine -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_both_ways_to_an_engine_measure_the_same(engine: DockerEngine, transport: Any) -> None:
    policy = SandboxPolicy(transport=transport)
    with started(engine, policy) as sandbox:
        mine, package = sandbox.stats(), PackageApi(package_client()).stats(sandbox.id)
        for stats in (mine, package):
            assert stats.memory_limit_bytes == policy.memory_bytes
            assert stats.pids_limit == policy.pids
            assert 4 * MIB < stats.memory_bytes < policy.memory_bytes
            assert stats.pids > 1
            assert (stats.received_bytes is None) == (transport == "unix")
        assert package.read_at_s > mine.read_at_s
        assert package.cpu_ns >= mine.cpu_ns > 0


def test_a_sandbox_that_is_gone_is_said_to_be(engine: DockerEngine) -> None:
    with started(engine, SandboxPolicy()) as sandbox:
        sandbox.stop()
        for api in (connect(), PackageApi(package_client())):
            with pytest.raises(SandboxDied):
                api.stats(sandbox.id)
            with pytest.raises(SandboxDied):
                api.logs(sandbox.id, 5)


def test_the_log_of_a_sandbox_is_what_docker_logs_prints(engine: DockerEngine) -> None:
    with started(engine, SandboxPolicy()) as sandbox:
        command = ["docker", "logs", "--tail", "5", sandbox.id]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        assert sandbox.logs(5) == PackageApi(package_client()).logs(sandbox.id, 5) == said.stdout + said.stderr


# -- a picture --------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_sandbox(notebook: Notebook) -> None:
    notebook.run("await Bun.write('/tmp/file', new Uint8Array(20 << 20).fill(1)); 1")
    data = only(notebook.run("%sandbox_stats")[1])
    assert 20 * MIB <= data[DATA]["shared_bytes"] < 30 * MIB
    assert re.search(r"^Scratch files .* 2\d(\.\d)? MB of 104 MB$", data["text/plain"], re.MULTILINE)
    assert "<table>" in data["text/html"]
    notebook.run("(await import('node:fs')).rmSync('/tmp/file')")


def test_a_cpu_that_is_used_up_is_seen_at_a_glance(fresh: Notebook) -> None:
    fresh.run(SPIN + "; 1")
    data = only(fresh.run("%sandbox_stats")[1])
    assert re.search(r"^CPU .* FULL$", data["text/plain"], re.MULTILINE), data["text/plain"]
    assert "⚠ full" in data["text/html"]


def test_a_sandbox_is_started_to_be_measured(fresh: Notebook) -> None:
    (container,) = sandboxes_of(fresh.pid) or [""]
    if container:
        connect().remove(container)
        assert eventually(lambda: not sandboxes_of(fresh.pid))
    reply, published = fresh.run("%sandbox_stats")
    assert reply["status"] == "ok"
    assert "Memory" in displays(published)[-1]["data"]["text/plain"]


# -- cells ------------------------------------------------------------------------------------------------------------


def test_the_last_cells_are_listed_with_what_they_took(fresh: Notebook) -> None:
    for code in ("console.log('x'.repeat(999))", "throw new Error('on purpose')", "1"):
        fresh.run(code, stop_on_error=False)
    rows = only(fresh.run("%sandbox_stats --cells 2")[1])[DATA]["cells"]
    assert [(row["count"], row["outcome"]) for row in rows] == [(2, "error"), (3, "ok")]
    assert len(only(fresh.run("%sandbox_stats --cells")[1])[DATA]["cells"]) == 3


def test_a_footer_below_each_cell_until_it_is_switched_off(fresh: Notebook) -> None:
    assert text(fresh.run("%sandbox_stats on")[1]) == "Each cell says what it took.\n"
    _, published = fresh.run("console.log(1); 2")
    assert published[-1].kind == "display_data"
    assert re.fullmatch(r"ok · .+ · CPU .+ · peak .+ · printed .+", published[-1].content["data"]["text/plain"])
    _, published = fresh.run("throw new Error('on purpose')", stop_on_error=False)
    assert [m.kind for m in published] == ["error", "display_data"]
    assert displays(fresh.run("1 + 1", silent=True)[1]) == []
    fresh.run("%sandbox_stats off")
    assert displays(fresh.run("1 + 1;")[1]) == []


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("nonsense", "invalid choice: 'nonsense'"),
        ("--interval soon", "'soon' is no number of seconds from 0.5 to 60"),
        ("--live --interval 0", "'0' is no number of seconds"),
        ("--live --interval nan", "'nan' is no number of seconds"),
        ("--live --interval 61", "'61' is no number of seconds"),
        ("--interval 2", "--interval belongs to --live"),
        ("--cells 0", "'0' is no whole number from 1 to 200"),
        ("--cells many", "'many' is no whole number"),
        ("--live on", "not allowed with"),
        ("'", "no closing quotation"),
    ],
)
def test_what_is_misused_is_refused_with_the_usage_and_changes_nothing(
    notebook: Notebook, argument: str, said: str
) -> None:
    reply, published = notebook.run(f"%sandbox_stats {argument}", stop_on_error=False)
    (error,) = errors(published)
    assert reply["ename"] == "UsageError"
    assert said in error["evalue"]
    assert "Usage: %sandbox_stats [--cells [N] | --live [--interval S] | on | off]" in error["evalue"]
    assert displays(notebook.run("1;")[1]) == []


# -- live -------------------------------------------------------------------------------------------------------------


class Live:
    """A panel as a front end knows it: its picture, and its buttons by their names."""

    def __init__(self, notebook: Notebook, arguments: str = "") -> None:
        self.notebook = notebook
        _, published = notebook.run(f"%sandbox_stats --live {arguments}")
        buttons, picture = displays(published)
        assert WIDGET in buttons["data"]
        self.picture = picture["transient"]["display_id"]
        opened = [m.content for m in published if m.kind == "comm_open"]
        self.buttons = {o["data"]["state"].get("description"): o["comm_id"] for o in opened}

    def press(self, name: str) -> None:
        data = {"method": "custom", "content": {"event": "click"}}
        content = {"comm_id": self.buttons[name], "data": data}
        client = self.notebook.client
        client.shell_channel.send(client.session.msg("comm_msg", content))

    def next(self, condition: Callable[[str], bool] = lambda _: True) -> dict[str, Any]:
        """Return the first picture that comes and meets the condition, with what it was published for."""
        while True:
            message = self.notebook.client.get_iopub_msg(timeout=SECONDS)
            content = message["content"]
            if message["msg_type"] != "update_display_data" or content["transient"]["display_id"] != self.picture:
                continue
            if condition(content["data"]["text/plain"]):
                return dict(message)


def says(note: str) -> Callable[[str], bool]:
    return lambda text: re.search(rf"^As of \d\d:\d\d:\d\d{note}", text, re.MULTILINE) is not None


def test_a_picture_moves_while_a_cell_runs_and_its_buttons_work(fresh: Notebook) -> None:
    live = Live(fresh, "--interval 0.5")
    request = fresh.print_first("console.log('begun'); for (;;) await Bun.sleep(10)")
    live.next(says("$"))
    live.press("Stop")
    live.next(says(", stopped$"))
    live.press("Start")
    markup = live.next(says("$"))["content"]["data"]["text/html"]
    assert markup.count("data:image/svg+xml;base64,") == 4
    fresh.interrupt()
    assert fresh.reply(request)["ename"] == "KeyboardInterrupt"
    assert fresh.value("6 * 7") == "42"


def test_a_picture_is_published_for_nobody_s_request(fresh: Notebook) -> None:
    message = Live(fresh).next()
    assert message["parent_header"]["msg_type"] == message["msg_type"] == "update_display_data"


def test_two_panels_move_side_by_side(fresh: Notebook) -> None:
    one, other = Live(fresh), Live(fresh)
    for live in (one, other, one, other):
        live.next(says("$"))
    one.press("Stop")
    one.next(says(", stopped$"))
    other.next(says("$"))


def test_a_panel_ends_with_its_sandbox_and_the_next_cell_runs(fresh: Notebook) -> None:
    live = Live(fresh)
    (container,) = sandboxes_of(fresh.pid)
    connect().remove(container)
    live.next(says(r", (the sandbox|The sandbox|The engine)"))
    live.press("Start")  # a button that is gone
    assert fresh.value("6 * 7") == "42"


@pytest.mark.parametrize("restart", [True, False])
def test_a_panel_leaves_its_last_picture_when_the_kernel_ends(fresh: Notebook, restart: bool) -> None:
    live = Live(fresh)
    channel = fresh.client.control_channel
    channel.send(fresh.client.session.msg("shutdown_request", {"restart": restart}))
    live.next(says(", the kernel ended$"))
    if restart:
        fresh.manager.restart_kernel(now=True)
        fresh.client.wait_for_ready(timeout=60)
        live.press("Stop")
        assert fresh.value("6 * 7") == "42"


def test_a_front_end_that_looks_for_widgets_where_there_are_none_is_answered(fresh: Notebook) -> None:
    client = fresh.client
    content = {"comm_id": "front", "target_name": "jupyter.widget.control", "data": {}}
    client.shell_channel.send(client.session.msg("comm_open", content))
    while (message := client.get_iopub_msg(timeout=SECONDS))["msg_type"] != "comm_close":
        pass
    assert message["content"]["comm_id"] == "front"


# -- jupyter-resource-usage -------------------------------------------------------------------------------------------


def used(notebook: Notebook) -> dict[str, Any]:
    channel = notebook.client.control_channel
    channel.send(notebook.client.session.msg("usage_request", {}))
    reply = channel.get_msg(timeout=10)
    assert reply["msg_type"] == "usage_reply"
    return dict(reply["content"])


def test_a_usage_request_is_answered_with_what_the_sandbox_uses(fresh: Notebook) -> None:
    fresh.run(SPIN + "; 1")
    used(fresh)
    found: list[dict[str, Any]] = []

    def busy() -> bool:
        found.append(used(fresh))
        return bool(found[-1]["kernel_cpu"] > 30)

    assert eventually(busy)
    assert found[-1]["kernel_cpu"] < 70
    assert MIB < found[-1]["kernel_memory"] < 256 * MIB
    assert found[-1]["pid"] == fresh.pid
    assert found[-1]["cpu_count"] == os.cpu_count()
    assert found[-1]["hostname"]


def test_a_usage_request_is_answered_while_a_cell_runs(fresh: Notebook) -> None:
    request = fresh.print_first("console.log('begun'); for (;;);")
    assert used(fresh)["kernel_memory"] > MIB
    fresh.interrupt()
    fresh.reply(request)


def test_without_a_sandbox_a_usage_request_is_answered_with_what_is_known(tmp_path: Path) -> None:
    with kernel(tmp_path, DOCKER_HOST="unix:///nothing/here.sock") as notebook:
        found = used(notebook)
        assert found["pid"] == notebook.pid
        assert "kernel_memory" not in found
