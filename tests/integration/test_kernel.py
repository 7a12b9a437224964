"""Laws of the kernel, seen from the other end of its sockets."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_api import connect
from tests.conftest import eventually, sandboxes_of
from tests.integration.kernels import ANSI, Message, Notebook, errors, kernel, text


def traceback_of(published: list[Message]) -> str:
    (error,) = errors(published)
    return ANSI.sub("", "\n".join(error["traceback"]))


# -- outputs -----------------------------------------------------------------------------------------------------------


def test_state_persists_from_cell_to_cell(notebook: Notebook) -> None:
    notebook.run("const kept: number = 40; let changed = 1; function twice(n: number): number { return n * 2 }")
    notebook.run("changed += 1")
    assert notebook.value("kept + changed + twice(0)") == "42"


def test_the_last_value_is_the_execute_result(notebook: Notebook) -> None:
    reply, published = notebook.run("1; 2; 'three'.length")
    (result,) = published
    assert result.kind == "execute_result"
    assert ANSI.sub("", result.content["data"]["text/plain"]) == "5"
    assert result.content["execution_count"] == reply["execution_count"]


def test_nothing_is_shown_for_a_cell_without_a_value(notebook: Notebook) -> None:
    reply, published = notebook.run("const nothingToShow = 1;")
    assert (reply["status"], published) == ("ok", [])


def test_an_empty_cell_is_ok(notebook: Notebook) -> None:
    reply, published = notebook.run(" \n ")
    assert (reply["status"], published) == ("ok", [])


@pytest.mark.parametrize(("call", "name"), [("console.log", "stdout"), ("console.error", "stderr")])
def test_text_arrives_while_the_cell_still_runs(notebook: Notebook, call: str, name: str) -> None:
    request = notebook.send(f"{call}('first'); await new Promise(() => {{}})")
    first = next(notebook.messages(request))
    assert first == Message("stream", {"name": name, "text": "first\n"})
    notebook.manager.interrupt_kernel()
    assert notebook.reply(request)["status"] == "error"


def test_stdout_and_stderr_stay_apart(notebook: Notebook) -> None:
    _, published = notebook.run("console.log('out'); console.error('err'); process.stdout.write('more')")
    assert (text(published), text(published, "stderr")) == ("out\nmore", "err\n")


# -- errors ------------------------------------------------------------------------------------------------------------


def test_an_error_names_what_was_thrown_and_the_cell(notebook: Notebook) -> None:
    reply, published = notebook.run("const before = 1\nthrow new RangeError('too far')")
    (error,) = errors(published)
    assert (error["ename"], error["evalue"]) == ("RangeError", "too far")
    assert re.search(rf"Cell \[{reply['execution_count']}\], line 2", traceback_of(published))
    assert {key: reply[key] for key in error} == error


def test_a_frame_names_the_cell_that_defined_the_function(notebook: Notebook) -> None:
    reply, _ = notebook.run("function fails(): never {\n  throw new Error('inside')\n}")
    defined = reply["execution_count"]
    reply, published = notebook.run("fails()")
    shown = traceback_of(published)
    assert f"Cell [{defined}]" in shown
    assert f"Cell [{reply['execution_count']}]" in shown


def test_a_syntax_error_shows_its_line_and_a_caret(notebook: Notebook) -> None:
    reply, published = notebook.run("const fine = 1\nlet broken: number = ;")
    (error,) = errors(published)
    assert reply["status"] == "error"
    assert error["ename"] == "SyntaxError"
    shown = traceback_of(published)
    assert "let broken: number = ;" in shown
    assert re.search(r"^[\s|│]*\^", shown, re.MULTILINE)


def test_a_value_that_is_no_error_is_reported_too(notebook: Notebook) -> None:
    _, published = notebook.run("throw 'plain text'")
    (error,) = errors(published)
    assert "plain text" in error["evalue"]


# -- the execute request -----------------------------------------------------------------------------------------------


def test_a_silent_cell_publishes_nothing_and_does_not_count(notebook: Notebook) -> None:
    before, _ = notebook.run("0")
    reply, published = notebook.run("console.log('unheard'); globalThis.whispered = 7; 7", silent=True)
    assert (reply["status"], published) == ("ok", [])
    _, published = notebook.run("throw new Error('unheard')", silent=True)
    assert published == []
    after, _ = notebook.run("globalThis.whispered")
    assert after["execution_count"] == before["execution_count"] + 1


def test_a_cell_that_is_not_stored_does_not_count(notebook: Notebook) -> None:
    before, _ = notebook.run("0")
    _, published = notebook.run("'shown'", store_history=False)
    assert [message.kind for message in published] == ["execute_result"]
    after, _ = notebook.run("0")
    assert after["execution_count"] == before["execution_count"] + 1


def test_an_error_aborts_the_cells_behind_it(notebook: Notebook) -> None:
    notebook.run("globalThis.reached = false")
    failing = notebook.send("await Bun.sleep(200); throw new Error('stop here')", stop_on_error=True)
    queued = notebook.send("globalThis.reached = true")
    assert notebook.reply(failing)["status"] == "error"
    assert notebook.reply(queued)["status"] == "aborted"
    assert eventually(lambda: notebook.run("0")[0]["status"] == "ok", 10)
    assert notebook.value("globalThis.reached") == "false"


def test_without_stop_on_error_the_cells_behind_run(notebook: Notebook) -> None:
    failing = notebook.send("await Bun.sleep(200); throw new Error('go on')", stop_on_error=False)
    queued = notebook.send("1")
    assert notebook.reply(failing)["status"] == "error"
    assert notebook.reply(queued)["status"] == "ok"


def test_each_user_expression_has_its_own_answer(notebook: Notebook) -> None:
    expressions = {"sum": "1 + 2", "text": "'a'.repeat(3)", "object": "{ a: 1 }", "bad": "missingName", "cut": "1 +"}
    reply, published = notebook.run("const unrelated = 1;", user_expressions=expressions)
    answers: dict[str, Any] = reply["user_expressions"]
    assert published == []
    assert answers["sum"] == {"status": "ok", "data": {"text/plain": "3"}, "metadata": {}}
    assert "aaa" in answers["text"]["data"]["text/plain"]
    assert "a: 1" in answers["object"]["data"]["text/plain"]
    assert (answers["bad"]["status"], answers["bad"]["ename"]) == ("error", "ReferenceError")
    assert (answers["cut"]["status"], answers["cut"]["ename"]) == ("error", "SyntaxError")


# -- interrupts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting", ["while (true) {}", "await new Promise(() => {})", "await Bun.sleep(60_000)"])
def test_an_interrupt_ends_the_cell_and_keeps_the_variables(notebook: Notebook, waiting: str) -> None:
    notebook.run("globalThis.treasure = { of: 'variables' }; var local = 5")
    request = notebook.print_first(f"console.log('on it'); {waiting}")
    notebook.manager.interrupt_kernel()
    reply = notebook.reply(request)
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert notebook.value("globalThis.treasure.of + local") == '"variables5"'


def test_a_second_cell_after_an_interrupt_prints_and_awaits(notebook: Notebook) -> None:
    request = notebook.print_first("console.log('on it'); while (true) {}")
    notebook.manager.interrupt_kernel()
    notebook.reply(request)
    reply, published = notebook.run("await Bun.sleep(1); console.log('alive')")
    assert (reply["status"], text(published)) == ("ok", "alive\n")


def test_an_interrupt_never_meets_the_next_cell(notebook: Notebook) -> None:
    for number in range(30):
        waiting = "while (true) {}" if number % 2 else "await new Promise(() => {})"
        request = notebook.print_first(f"console.log('on it'); {waiting}")
        notebook.interrupt()
        notebook.reply(request)
        reply, _ = notebook.run("await Bun.sleep(1); 1")
        assert reply["status"] == "ok", f"round {number}: {reply}"


def test_an_interrupt_of_an_idle_kernel_does_nothing(notebook: Notebook) -> None:
    notebook.run("globalThis.untouched = 1")
    notebook.interrupt()
    assert notebook.value("globalThis.untouched") == "1"
    assert notebook.value("await Bun.sleep(100), 2") == "2"


def test_a_long_silence_does_not_end_a_cell(notebook: Notebook) -> None:
    assert notebook.value("await Bun.sleep(13_000); 'patient'") == '"patient"'


def test_a_time_limit_ends_the_cell_and_keeps_the_variables(notebook: Notebook) -> None:
    notebook.run("var lasting = 8")
    reply, published = notebook.run(
        "%timeout 100ms\nsetTimeout(() => { while (true) {} }); await new Promise(() => {})"
    )
    assert (reply["status"], reply["ename"]) == ("error", "TimeoutError")
    assert text(published) == "Cells may run 0.1 s.\n"
    notebook.run("%timeout off")
    assert notebook.value("await Bun.sleep(200), lasting") == "8"


def test_an_unknown_magic_names_the_nearest(notebook: Notebook) -> None:
    reply, _ = notebook.run("%timout 5\n1")
    assert (reply["status"], reply["ename"]) == ("error", "UsageError")
    assert "%timeout" in reply["evalue"]


# -- losses ------------------------------------------------------------------------------------------------------------


def test_process_exit_tells_that_the_variables_are_gone(notebook: Notebook) -> None:
    notebook.run("var doomed = 1")
    reply, published = notebook.run("process.exit(3)")
    (error,) = errors(published)
    assert reply["status"] == "error"
    assert "variables" in error["evalue"]
    assert "3" in error["evalue"]
    assert notebook.value("typeof doomed") == '"undefined"'


def test_a_sandbox_that_ends_between_two_cells_is_said_aloud(notebook: Notebook) -> None:
    notebook.run("var doomed = 1")
    (before,) = sandboxes_of(notebook.pid)
    connect().remove(before)
    content = notebook.client.get_iopub_msg(timeout=30)["content"]
    assert content == {"name": "stderr", "text": "Between two cells, the sandbox ended; all variables are gone.\n"}
    assert notebook.value("typeof doomed") == '"undefined"'


def test_a_cell_too_large_is_refused_and_the_variables_stay(notebook: Notebook) -> None:
    notebook.run("var spared = 1")
    reply, _ = notebook.run("'" + "x" * 1_200_000 + "'")
    assert reply["status"] == "error"
    assert "1048576" in reply["evalue"]
    assert notebook.value("'" + "é" * 400_000 + "'.length + spared") == "400001"


def test_a_removed_sandbox_ends_the_cell_and_the_next_one_gets_a_fresh_one(notebook: Notebook) -> None:
    notebook.run("var doomed = 1")
    (before,) = sandboxes_of(notebook.pid)
    removals = []

    def remove(message: Message) -> None:
        if message.kind == "stream":
            removals.append(message)
            connect().remove(before)

    reply, published = notebook.run("console.log('on it'); await new Promise(() => {})", during=remove)
    assert len(removals) == 1
    assert reply["status"] == "error"
    assert len(errors(published)) == 1
    assert notebook.value("typeof doomed") == '"undefined"'
    (after,) = sandboxes_of(notebook.pid)
    assert after != before


def test_a_sandbox_removed_between_cells_is_replaced(notebook: Notebook) -> None:
    notebook.run("0")
    (before,) = sandboxes_of(notebook.pid)
    connect().remove(before)
    assert eventually(lambda: notebook.run("1 + 1")[0]["status"] == "ok", 20)
    assert before not in sandboxes_of(notebook.pid)


# -- what is wrong around the kernel -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("BUN_SANDBOX_MEMORY", "1m", "BUN_SANDBOX_MEMORY"),
        ("DOCKER_HOST", "unix:///nonexistent.sock", "unix:///nonexistent.sock"),
        ("BUN_SANDBOX_SECCOMP", "/nonexistent", "/nonexistent"),
    ],
)
def test_what_is_wrong_is_said_by_each_cell_while_the_kernel_lives(
    engine: DockerEngine, tmp_path: Path, variable: str, value: str, named: str
) -> None:
    with kernel(tmp_path, **{variable: value}) as notebook:
        for _ in range(2):
            reply, published = notebook.run("1 + 1")
            assert reply["status"] == "error"
            (error,) = errors(published)
            assert named in error["evalue"]
            assert "Traceback" not in error["evalue"]
            assert error["traceback"] == reply["traceback"]
            assert len(error["traceback"]) == 1
        request = notebook.client.kernel_info()
        assert notebook.reply(request)["implementation"] == "bun_sandbox"
        assert notebook.manager.is_alive()
        assert sandboxes_of(notebook.pid) == []


# -- lifetimes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def mortal(engine: DockerEngine, tmp_path: Path) -> Iterator[Notebook]:
    """Yield a kernel in the middle of a cell."""
    with kernel(tmp_path) as notebook:
        notebook.print_first("console.log('on it'); while (true) {}")
        assert len(sandboxes_of(notebook.pid)) == 1
        yield notebook


def test_a_shutdown_during_a_cell_leaves_no_sandbox(mortal: Notebook) -> None:
    pid = mortal.pid
    mortal.manager.shutdown_kernel()
    assert eventually(lambda: not sandboxes_of(pid))


def test_a_restart_during_a_cell_leaves_only_the_new_sandbox(mortal: Notebook) -> None:
    pid = mortal.pid
    mortal.manager.restart_kernel()
    mortal.client.wait_for_ready(timeout=60)
    assert mortal.pid != pid
    assert eventually(lambda: not sandboxes_of(pid))
    assert mortal.value("1 + 1") == "2"
    assert len(sandboxes_of(mortal.pid)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_kernel_leaves_no_sandbox(mortal: Notebook, number: signal.Signals) -> None:
    pid = mortal.pid
    os.kill(pid, number)
    assert eventually(lambda: not mortal.manager.is_alive())
    assert eventually(lambda: not sandboxes_of(pid))
