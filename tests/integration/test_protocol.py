"""Laws of everything that a front end can ask for beside the outputs of a cell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.integration.kernels import ANSI, SECONDS, Message, Notebook, errors, kernel, text

WAITING = "console.log('on it'); await new Promise(() => {})"
BUSY = "console.log('on it'); while (true) {}"


def end(notebook: Notebook, request: str) -> dict[str, Any]:
    """Interrupt a cell, and return its reply."""
    notebook.interrupt()
    list(notebook.messages(request))
    return notebook.reply(request)


# -- input -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "typed", "value"),
    [
        ("prompt('Name?')", "Ada 🥟", '"Ada 🥟"'),
        ("prompt('Name?', 'nobody')", "", '"nobody"'),
        ("prompt('Name?')", "", '""'),
        ("prompt()", "\x04", "null"),
        ("confirm('Sure?')", "y", "true"),
        ("confirm('Sure?')", "", "false"),
        ("alert('Look')", "", "undefined"),
        ("await input('Name?')", "Ada", '"Ada"'),
        ("await input('Name?', { password: true })", "secret", '"secret"'),
    ],
)
def test_what_is_typed_is_the_value(notebook: Notebook, expression: str, typed: str, value: str) -> None:
    prompts, reply, published = notebook.run_typing(f"console.log(JSON.stringify({expression}))", typed)
    assert (len(prompts), reply["status"]) == (1, "ok"), reply
    assert text(published) == f"{value}\n"


def test_the_box_shows_the_prompt_and_hides_a_password(notebook: Notebook) -> None:
    request = notebook.send("await input('PIN', { password: true }); prompt('Name?')", allow_stdin=True)
    first, second = notebook.prompt("1234"), notebook.prompt("Ada")
    assert first["password"] is True
    assert first["prompt"].startswith("PIN")
    assert second["password"] is False
    assert second["prompt"].startswith("Name?")
    assert notebook.reply(request)["status"] == "ok"


def test_a_cell_goes_on_while_it_waits_for_input(notebook: Notebook) -> None:
    code = "const name = input('Name?'); console.log('meanwhile'); console.log('hello', await name)"
    request = notebook.send(code, allow_stdin=True)
    notebook.prompt()
    messages = notebook.messages(request)
    assert next(messages) == Message("stream", {"name": "stdout", "text": "meanwhile\n"})
    notebook.client.input("Ada")
    assert text(list(messages)) == "hello Ada\n"
    assert notebook.reply(request)["status"] == "ok"


def test_inputs_at_the_same_time_are_asked_for_in_turn(notebook: Notebook) -> None:
    code = "console.log((await Promise.all(['a', 'b', 'c'].map((name) => input(name)))).join())"
    prompts, reply, published = notebook.run_typing(code, "1", "2", "3")
    assert ([prompt.strip() for prompt in prompts], reply["status"]) == (["a", "b", "c"], "ok")
    assert text(published) == "1,2,3\n"


@pytest.mark.parametrize("asking", ["prompt('Name?')", "await input('Name?')"])
def test_without_anybody_to_ask_nothing_waits(notebook: Notebook, asking: str) -> None:
    started = time.monotonic()
    _, published = notebook.run(f"console.log({asking})", allow_stdin=False, stop_on_error=False)
    assert time.monotonic() - started < 10
    assert text(published, "stderr") or errors(published)


@pytest.mark.parametrize("asking", ["prompt('Name?')", "confirm('Sure?')", "await input('Name?')"])
def test_an_interrupt_ends_a_cell_that_waits_for_input(notebook: Notebook, asking: str) -> None:
    notebook.run("globalThis.kept = 1")
    request = notebook.send(
        f"globalThis.answered = {asking}; globalThis.kept = 2", allow_stdin=True, stop_on_error=False
    )
    notebook.prompt()
    reply = end(notebook, request)
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    notebook.client.input("for the box that is gone")
    time.sleep(0.5)
    _, reply, published = notebook.run_typing("console.log(prompt('Again?'), kept)", "fresh")
    assert reply["status"] == "ok"
    assert ANSI.sub("", text(published)) == "fresh 1\n"


# -- completion and inspection -----------------------------------------------------------------------------------------


def complete(notebook: Notebook, code: str, cursor: int | None = None) -> dict[str, Any]:
    return notebook.reply(notebook.client.complete(code, cursor))


def inspect(notebook: Notebook, code: str, detail: int = 0) -> dict[str, Any]:
    return notebook.reply(notebook.client.inspect(code, detail_level=detail))


@pytest.mark.parametrize("before", ["", "'🥟🥟'; ", "const flag = '🏳️‍🌈'; /* 🥟 */ "])
def test_a_completion_replaces_what_has_been_typed(notebook: Notebook, before: str) -> None:
    code, rest = f"{before}Math.hyp", "(3, 4) // 🥟"
    reply = complete(notebook, code + rest, len(code))
    assert (reply["status"], reply["matches"]) == ("ok", ["hypot"])
    assert code[: reply["cursor_start"]] + "hypot" == f"{before}Math.hypot"
    assert reply["cursor_end"] == len(code)
    (typed,) = reply["metadata"]["_jupyter_types_experimental"]
    assert (typed["text"], typed["type"]) == ("hypot", "function")
    assert (typed["start"], typed["end"]) == (reply["cursor_start"], reply["cursor_end"])


def test_names_of_earlier_cells_are_completed(notebook: Notebook) -> None:
    notebook.run("const zebraCrossing = { stripes: 7, colour: 'white' }")
    assert complete(notebook, "zebraCr")["matches"] == ["zebraCrossing"]
    assert complete(notebook, "zebraCrossing.str")["matches"][0] == "stripes"


@pytest.mark.parametrize("code", ["", "nowhereToBeFound.", "'", "let x = ;", "🥟", "(" * 1000])
def test_whatever_is_typed_completion_answers(notebook: Notebook, code: str) -> None:
    reply = complete(notebook, code)
    assert reply["status"] == "ok"
    assert 0 <= reply["cursor_start"] <= reply["cursor_end"] <= len(code)


@pytest.mark.parametrize("content", [{}, {"code": "x", "cursor_pos": "end"}, {"code": 7, "cursor_pos": 1}])
@pytest.mark.parametrize("kind", ["complete", "inspect"])
def test_a_malformed_question_is_answered_with_an_error(notebook: Notebook, kind: str, content: dict[str, Any]) -> None:
    request = notebook.client.session.msg(f"{kind}_request", content)
    notebook.client.shell_channel.send(request)
    reply = notebook.reply(request["header"]["msg_id"])
    assert reply["status"] == "error"
    assert reply["ename"]


def test_a_tooltip_tells_what_is_known(notebook: Notebook) -> None:
    notebook.run("/** Doubles. */ function twice(n: number): number { return n * 2 }")
    reply = inspect(notebook, "'🥟'; twice")
    assert (reply["status"], reply["found"]) == ("ok", True)
    assert "twice" in reply["data"]["text/plain"]
    detailed = inspect(notebook, "twice", 1)
    assert "n * 2" in ANSI.sub("", detailed["data"]["text/plain"])


def test_nothing_is_known_of_what_is_not_there(notebook: Notebook) -> None:
    reply = inspect(notebook, "nowhereToBeFound")
    assert reply == {"status": "ok", "found": False, "data": {}, "metadata": {}}


@pytest.mark.parametrize("code", ["twice?", "?twice", " twice ? "])
def test_a_question_mark_opens_a_page(notebook: Notebook, code: str) -> None:
    notebook.run("function twice(n: number): number { return n * 2 }")
    reply, published = notebook.run(code)
    assert (reply["status"], published) == ("ok", [])
    (payload,) = reply["payload"]
    assert (payload["source"], payload["start"]) == ("page", 0)
    assert "twice" in payload["data"]["text/plain"]


def test_two_question_marks_show_the_source(notebook: Notebook) -> None:
    notebook.run("function twice(n: number): number { return n * 2 }")
    reply, _ = notebook.run("twice??")
    assert "n * 2" in ANSI.sub("", reply["payload"][0]["data"]["text/plain"])


def test_a_question_about_nothing_is_answered_in_a_sentence(notebook: Notebook) -> None:
    reply, published = notebook.run("nowhere.toBeFound?")
    assert (reply["status"], reply["payload"]) == ("ok", [])
    assert "`nowhere.toBeFound` is not defined" in text(published, "stderr")


def test_a_conditional_is_a_program(notebook: Notebook) -> None:
    assert notebook.value("true ? 1 : 2") == "1"
    assert notebook.value("null ?? 3") == "3"


# -- beside a running cell ---------------------------------------------------------------------------------------------


def test_questions_are_answered_while_a_cell_runs(notebook: Notebook) -> None:
    notebook.run("const zebraCrossing = 1")
    client = notebook.client
    request = notebook.print_first(WAITING)
    asked = {
        client.complete("zebraCr"): "complete",
        client.inspect("zebraCrossing"): "inspect",
        client.is_complete("function f() {"): "is_complete",
        client.history(hist_access_type="tail", n=1): "history",
        client.comm_info(): "comm_info",
        client.kernel_info(): "kernel_info",
    }
    answers: dict[str, dict[str, Any]] = {}
    while len(answers) < len(asked):
        message = client.get_shell_msg(timeout=10)
        answers[asked[message["parent_header"]["msg_id"]]] = message["content"]
    assert answers["complete"]["matches"] == ["zebraCrossing"]
    assert answers["inspect"]["found"]
    assert answers["is_complete"]["status"] == "incomplete"
    assert answers["history"]["history"][0][2] == WAITING
    assert answers["comm_info"] == {"status": "ok", "comms": {}}
    assert answers["kernel_info"]["implementation"] == "bun_sandbox"
    notebook.interrupt()
    assert notebook.reply(request)["ename"] == "KeyboardInterrupt"


def test_a_question_changes_neither_the_cells_outputs_nor_what_the_kernel_seems_to_do(notebook: Notebook) -> None:
    request = notebook.print_first("console.log('on it'); await Bun.sleep(1000); console.log('done'); 7")
    question = notebook.client.complete("Math.hyp")
    seen: list[tuple[str, str, str | None]] = []
    while not seen or seen[-1] != (request, "status", "idle"):
        message = notebook.client.get_iopub_msg(timeout=SECONDS)
        seen.append(
            (message["parent_header"]["msg_id"], message["msg_type"], message["content"].get("execution_state"))
        )
    assert [entry for entry in seen if entry[0] == question] == [
        (question, "status", "busy"),
        (question, "status", "idle"),
    ]
    states = [state for _, kind, state in seen if kind == "status"]
    assert states == ["busy", "idle", "busy", "idle"]
    assert [kind for parent, kind, _ in seen if parent == request and kind != "status"] == ["stream", "execute_result"]


def test_a_worker_that_does_not_listen_keeps_nobody_waiting(notebook: Notebook) -> None:
    request = notebook.print_first(BUSY)
    started = time.monotonic()
    reply = complete(notebook, "Math.hyp", 8)
    assert (reply["status"], reply["matches"], reply["cursor_start"], reply["cursor_end"]) == ("ok", [], 8, 8)
    assert inspect(notebook, "Math")["found"] is False
    assert notebook.reply(notebook.client.is_complete("1"))["status"] == "unknown"
    assert time.monotonic() - started < 6
    assert end(notebook, request)["ename"] == "KeyboardInterrupt"
    assert notebook.value("1 + 1") == "2"


def test_without_a_sandbox_questions_have_empty_answers(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path, BUN_SANDBOX_MEMORY="1m") as broken:
        assert complete(broken, "Math.hyp")["matches"] == []
        assert inspect(broken, "Math")["found"] is False
        assert broken.reply(broken.client.is_complete("1"))["status"] == "unknown"


# -- history -----------------------------------------------------------------------------------------------------------


def history(notebook: Notebook, kind: str, **options: Any) -> list[list[Any]]:
    reply = notebook.reply(notebook.client.history(hist_access_type=kind, **options))
    assert reply["status"] == "ok"
    return list(reply["history"])


def test_what_was_run_can_be_found_again(notebook: Notebook) -> None:
    reply, _ = notebook.run("'first of history'")
    first = reply["execution_count"]
    notebook.run("throw new Error('in history too')", stop_on_error=False)
    notebook.run("'silent'", silent=True)
    notebook.run("'not stored'", store_history=False)
    notebook.run(" ")
    tail = history(notebook, "tail", n=2)
    assert [entry[1:] for entry in tail] == [
        [first, "'first of history'"],
        [first + 1, "throw new Error('in history too')"],
    ]
    session = tail[0][0]
    assert history(notebook, "range", session=session, start=first, stop=first + 1) == tail[:1]
    assert history(notebook, "range", session=0, start=first, stop=first + 2) == tail
    assert history(notebook, "search", pattern="*first ?? history*") == tail[:1]
    assert history(notebook, "tail", n=1, output=True) == [[session, first + 1, [tail[1][2], None]]]


def test_a_search_may_be_for_unique_cells_and_for_the_last_ones(notebook: Notebook) -> None:
    for number in (1, 2, 1):
        notebook.run(f"'twice {number}'")
    found = [entry[2] for entry in history(notebook, "search", pattern="'twice ?'")]
    assert found == ["'twice 1'", "'twice 2'", "'twice 1'"]
    assert [entry[2] for entry in history(notebook, "search", pattern="'twice ?'", unique=True)] == [
        "'twice 2'",
        "'twice 1'",
    ]
    assert [entry[2] for entry in history(notebook, "search", pattern="'twice ?'", n=2)] == ["'twice 2'", "'twice 1'"]


def test_two_kernels_share_one_history_and_wait_for_neither(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path) as one, kernel(tmp_path) as other:
        for number in range(5):
            assert one.run(f"'one {number}'")[0]["status"] == "ok"
            assert other.run(f"'other {number}'")[0]["status"] == "ok"
        # Whoever asks has its own cells written first.
        assert [entry[2] for entry in history(one, "tail", n=5)] == [f"'one {number}'" for number in range(5)]
        assert [entry[2] for entry in history(other, "tail", n=5)] == [f"'other {number}'" for number in range(5)]
        assert len(history(one, "search", pattern="'other ?'")) == 5
        assert len(history(other, "search", pattern="'one ?'")) == 5
    with kernel(tmp_path) as later:
        assert len(history(later, "search", pattern="'o*")) == 10


@pytest.mark.parametrize("fault", ["a file in place of the folder", "a file that is no database"])
def test_a_history_that_cannot_be_kept_breaks_no_cell(engine: DockerEngine, tmp_path: Path, fault: str) -> None:
    data = tmp_path / "data"
    if fault.startswith("a file in place"):
        data.mkdir()
        (data / "bun_sandbox").write_text("no folder")
    else:
        (data / "bun_sandbox").mkdir(parents=True)
        (data / "bun_sandbox" / "history.sqlite").write_bytes(b"no database" * 1000)
    with kernel(tmp_path) as notebook:
        reply, published = notebook.run("'kept in memory'")
        assert (reply["status"], [message.kind for message in published]) == ("ok", ["execute_result"])
        assert [entry[2] for entry in history(notebook, "tail", n=5)] == ["'kept in memory'"]


def test_the_last_value_is_kept_only_for_a_stored_cell(notebook: Notebook) -> None:
    reply, _ = notebook.run("41")
    notebook.run("'not stored'", store_history=False)
    notebook.run("'silent'", silent=True)
    notebook.run("const without = 'a value'", user_expressions={"other": "43"})
    assert notebook.value(f"[_, _{reply['execution_count']}, Out[{reply['execution_count']}]].join()") == '"41,41,41"'


# -- the rest of the protocol ------------------------------------------------------------------------------------------


def test_the_language_is_described_as_front_ends_expect(notebook: Notebook) -> None:
    language = notebook.reply(notebook.client.kernel_info())["language_info"]
    assert language["codemirror_mode"] == "typescript"
    assert language["file_extension"] == ".ts"


def test_there_are_no_comms(notebook: Notebook) -> None:
    assert notebook.reply(notebook.client.comm_info("jupyter.widget")) == {"status": "ok", "comms": {}}


@pytest.mark.parametrize("silent", [True, False])
def test_only_a_cell_that_is_not_silent_is_echoed(notebook: Notebook, silent: bool) -> None:
    request = notebook.send("'echo'", silent=silent)
    kinds = []
    while True:
        message = notebook.client.get_iopub_msg(timeout=SECONDS)
        if message["parent_header"].get("msg_id") != request:
            continue
        kinds.append(message["msg_type"])
        if message["content"].get("execution_state") == "idle":
            break
    assert ("execute_input" in kinds) is not silent
    assert notebook.reply(request)["status"] == "ok"


def test_a_display_always_has_its_transient_part(notebook: Notebook) -> None:
    _, published = notebook.run("await display(html`<b>x</b>`); await display(html`<b>y</b>`)")
    assert [message.kind for message in published] == ["display_data", "display_data"]
    assert all(isinstance(message.content["transient"], dict) for message in published)


def test_an_error_aborts_every_cell_that_is_queued(notebook: Notebook) -> None:
    notebook.run("globalThis.reached = 0")
    failing = notebook.send("await Bun.sleep(300); throw new Error('stop here')", stop_on_error=True)
    queued = [notebook.send("globalThis.reached += 1") for _ in range(5)]
    assert notebook.reply(failing)["status"] == "error"
    assert [notebook.reply(request)["status"] for request in queued] == ["aborted"] * 5
    assert notebook.value("globalThis.reached") == "0"
