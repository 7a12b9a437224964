"""The sandbox as its user sees and changes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bun_sandbox_kernel.views import DATA
from tests.conftest import eventually, sandboxes_of
from tests.integration.kernels import ANSI, Notebook, kernel, printed, refused, shown

LIMITS = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}"

# -- variables --------------------------------------------------------------------------------------------------------


def test_vars_lists_what_the_session_holds(notebook: Notebook) -> None:
    notebook.run("const bun = 'bao', many = new Uint8Array(2048); class Dog {}; interface Gone { a: 1 }")
    data = shown(notebook.run("%vars")[1])
    rows = {row["name"]: row for row in data[DATA]}
    assert rows["bun"] == {"name": "bun", "declared": "const", "kind": "string", "bytes": 3, "text": '"bao"'}
    assert rows["many"]["bytes"] >= 2048
    assert rows["Dog"]["kind"] == "class Dog"
    assert "Gone" not in rows
    assert "<td" in data["text/html"]
    assert data["text/plain"].splitlines()[0].split() == ["name", "declared", "type", "size", "value"]


def test_vars_of_some_names_and_of_one_that_is_not_there(notebook: Notebook) -> None:
    notebook.run("let rose = 1, lily = '<b>'")
    data = shown(notebook.run("%vars lily")[1])
    assert [row["name"] for row in data[DATA]] == ["lily"]
    assert "&lt;b&gt;" in data["text/html"]
    assert "no variable tulip" in refused(notebook, "%vars lily tulip")


def test_who_lists_the_names(notebook: Notebook) -> None:
    notebook.run("const oak = 1")
    assert "oak" in printed(notebook.run("%who")[1]).split()


def test_env_sets_what_cells_see(notebook: Notebook) -> None:
    assert printed(notebook.run('%env GREETING=hi "there" ${x}')[1]) == 'GREETING=hi "there" ${x}\n'
    assert notebook.value("process.env.GREETING") == '"hi \\"there\\" ${x}"'
    assert printed(notebook.run("%env GREETING")[1]) == 'hi "there" ${x}\n'
    assert printed(notebook.run("%env NOWHERE")[1]) == "NOWHERE is not set\n"
    assert "HOME=/sandbox/code\n" in printed(notebook.run("%env")[1])
    assert "Usage: %env" in refused(notebook, "%env 1=2")


# -- a new sandbox ----------------------------------------------------------------------------------------------------


def test_reset_forgets_variables_and_keeps_files(notebook: Notebook) -> None:
    notebook.run("const lost = 1; await Bun.write('kept.txt', 'kept')")
    assert "All variables are gone" in printed(notebook.run("%sandbox_reset")[1])
    assert notebook.value("typeof lost + await Bun.file('kept.txt').text()") == '"undefinedkept"'


def test_code_behind_a_reset_runs_in_the_same_cell(notebook: Notebook) -> None:
    notebook.run("const lost = 1")
    _, published = notebook.run("%sandbox_reset\ntypeof lost")
    assert ANSI.sub("", published[-1].content["data"]["text/plain"]) == '"undefined"'


def test_restart_takes_a_fresh_sandbox_and_leaves_none_behind(notebook: Notebook) -> None:
    before = sandboxes(notebook)
    notebook.run("const lost = 1; await Bun.write('lost.txt', '')")
    said = printed(notebook.run("%sandbox_restart")[1])
    after = sandboxes(notebook)
    assert len(after) == 1
    assert after != before
    assert after[0] in said
    assert notebook.value("typeof lost + await Bun.file('lost.txt').exists()") == '"undefinedfalse"'


def test_info_names_the_sandbox(notebook: Notebook) -> None:
    assert sandboxes(notebook)[0] in printed(notebook.run("%sandbox_info")[1])


def sandboxes(notebook: Notebook) -> list[str]:
    return [container[:12] for container in sandboxes_of(notebook.pid)]


def test_logs_print_what_the_supervisor_has_said(notebook: Notebook) -> None:
    assert printed(notebook.run("%sandbox_logs")[1]) == "The supervisor has logged nothing.\n"
    for wrong in ("0", "-1", "many", "9999"):
        assert "from 1 to 1000" in refused(notebook, f"%sandbox_logs {wrong}")


# -- health -----------------------------------------------------------------------------------------------------------


def test_health_shows_every_line_of_the_self_check(notebook: Notebook) -> None:
    data = shown(notebook.run("%sandbox_health")[1])
    sections = {section["title"]: section["checks"] for section in data[DATA]["sections"]}
    lines = [check["text"].split(":")[0] for check in sections["Limits, as found inside"]]
    assert {"user", "seccomp", "root", "memory", "pids", "network", "devices"} <= set(lines)
    assert all(check["status"] == "ok" for check in sections["Limits, as found inside"])
    assert sandboxes(notebook)[0] in sections["Sandbox"][0]["text"]
    image = inspected(sandboxes(notebook)[0], "{{.Config.Image}} ({{.Image}}")
    assert sections["Sandbox"][2]["text"] == f"image {image[: image.index('sha256:') + len('sha256:') + 12]})"
    assert any(check["text"].startswith("engine: Docker") for check in sections["Engine and installation"])
    assert "✓</b>" in data["text/html"]
    assert "✓" in data["text/plain"]


def test_health_tells_why_variables_were_lost(fresh: Notebook) -> None:
    fresh.run("const x = 1")
    fresh.run("process.exit(3)", stop_on_error=False)
    text = shown(fresh.run("%sandbox_health")[1])["text/plain"]
    assert "variables were lost once" in text
    assert "exit status 3" in text


def test_health_of_no_sandbox_is_said_too(tmp_path: Path) -> None:
    with kernel(tmp_path, BUN_SANDBOX_TRANSPORT="unix", DOCKER_HOST="unix:///nowhere.sock") as notebook:
        data = shown(notebook.run("%sandbox_health")[1])
    assert data[DATA]["status"] == "fail"
    assert "none runs" in data["text/plain"]
    assert "No Docker engine answers at unix:///nowhere.sock" in data["text/plain"]


def test_what_is_weakened_is_shown_by_itself_once_and_in_red(tmp_path: Path) -> None:
    with kernel(tmp_path, BUN_SANDBOX_SECCOMP="unconfined") as notebook:
        data = shown(notebook.run("1")[1])
        assert "system calls are not filtered" in data["text/plain"]
        assert '<b style="color: #c62828">system calls are not filtered</b>' in data["text/html"]
        assert [m.kind for m in notebook.run("2")[1]] == ["execute_result"]


def test_variables_lost_again_and_again_are_told_of_once(fresh: Notebook) -> None:
    for _ in range(3):
        fresh.run("process.exit(1)", stop_on_error=False)
    data = shown(fresh.run("1")[1])
    assert "variables were lost 3 times" in data["text/plain"]
    fresh.run("process.exit(1)", stop_on_error=False)
    assert [m.kind for m in fresh.run("2")[1]] == ["execute_result"]


# -- limits -----------------------------------------------------------------------------------------------------------


def test_memory_processor_and_processes_change_while_the_sandbox_runs(fresh: Notebook) -> None:
    fresh.run("const kept = 1")
    before = sandboxes(fresh)
    text = printed(fresh.run("%sandbox_limits memory=384m cpus=1 pids=70 max_execution_time=5000")[1])
    assert "384m" in text
    assert sandboxes(fresh) == before
    assert fresh.value("kept") == "1"
    facts = inspected(before[0], LIMITS)
    assert facts == f"{384 << 20} {384 << 20} 1000000000 70"
    reply, _ = fresh.run("const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))", stop_on_error=False)
    assert reply["evalue"].startswith("memory limit 384 MB reached")
    reply, _ = fresh.run("await new Promise(() => setInterval(() => {}, 1000))", stop_on_error=False)
    assert reply["ename"] == "TimeoutError"


def test_a_limit_that_is_lowered_holds(fresh: Notebook) -> None:
    fresh.run("%sandbox_limits memory=128m")
    reply, _ = fresh.run("const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))", stop_on_error=False)
    assert reply["evalue"].startswith("memory limit 128 MB reached")
    assert fresh.value("6 * 7") == "42"


def test_a_size_of_a_folder_needs_a_fresh_sandbox_that_the_user_agrees_to(fresh: Notebook) -> None:
    fresh.run("const kept = 1")
    before = sandboxes(fresh)
    prompts, reply, _ = fresh.run_typing("%sandbox_limits tmp=16m", "n")
    assert "all variables and files are lost" in prompts[0]
    assert reply["evalue"].startswith("Nothing was changed.")
    assert sandboxes(fresh) == before
    _, reply, published = fresh.run_typing("%sandbox_limits tmp=16m", "y")
    assert reply["status"] == "ok"
    assert "fresh sandbox" in printed(published)
    assert eventually(lambda: len(sandboxes(fresh)) == 1 and sandboxes(fresh) != before)
    assert fresh.value("require('fs').statfsSync('/tmp').blocks * 4096 === 16 << 20 && typeof kept") == '"undefined"'


def test_a_protection_is_given_up_only_by_somebody_who_was_told_so(fresh: Notebook) -> None:
    prompts, reply, _ = fresh.run_typing("%sandbox_limits seccomp=unconfined", "")
    assert prompts[0].startswith("This gives a protection up: system calls are not filtered.")
    assert reply["evalue"].startswith("Nothing was changed.")


def test_nobody_to_ask_changes_nothing(notebook: Notebook) -> None:
    before = sandboxes(notebook)
    assert refused(notebook, "%sandbox_limits code=16m", allow_stdin=False).startswith("Nothing was changed.")
    assert sandboxes(notebook) == before


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("memory=lots", 'BUN_SANDBOX_MEMORY is "lots"'),
        ("memory=1m", "from 96m"),
        ("memory", "Usage: %sandbox_limits memory=VALUE"),
        ("colour=red", "There is no limit 'colour'"),
        ("memory=512m cpus=many", 'BUN_SANDBOX_CPUS is "many"'),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_and_changes_nothing(
    notebook: Notebook, argument: str, said: str
) -> None:
    before = printed(notebook.run("%sandbox_limits")[1])
    assert said in refused(notebook, f"%sandbox_limits {argument}")
    assert printed(notebook.run("%sandbox_limits")[1]) == before


def inspected(container: str, template: str) -> str:
    command = ["docker", "inspect", "--format", template, container]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
