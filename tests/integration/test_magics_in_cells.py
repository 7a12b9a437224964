"""What a person sees who writes a magic."""

from __future__ import annotations

import re

import pytest

from tests.integration.kernels import ANSI, Notebook, printed, refused, shown

# -- the table --------------------------------------------------------------------------------------------------------


def test_lsmagic_lists_each_with_a_sentence(notebook: Notebook) -> None:
    text = printed(notebook.run("%lsmagic")[1])
    assert re.search(r"^%timeit +Run a line many times", text, re.MULTILINE)
    assert re.search(r"^%%html +Show the cell as HTML\.", text, re.MULTILINE)


def test_a_question_mark_opens_the_help(notebook: Notebook) -> None:
    reply, published = notebook.run("%timeit?")
    (page,) = reply["payload"]
    assert page["source"] == "page"
    assert "Usage: %timeit [-n LOOPS]" in page["data"]["text/plain"]
    assert published == []


def test_an_unknown_magic_names_the_nearest_and_nothing_runs(notebook: Notebook) -> None:
    assert "Did you mean %timeit?" in refused(notebook, "%timeitt 1\nvar ran = true")
    assert notebook.value("typeof ran") == '"undefined"'


def test_a_shell_line_says_what_to_do_here(notebook: Notebook) -> None:
    assert "%bun add zod lodash-es" in refused(notebook, "!npm install --save zod lodash-es")


def test_magics_and_code_run_in_their_order(notebook: Notebook) -> None:
    code = "console.log('one');\n'not shown'\n%timeout off\nconsole.log('two')\n6 * 7"
    reply, published = notebook.run(code)
    assert reply["status"] == "ok"
    assert printed(published) == "one\nCells have no time limit beside the sandbox's own.\ntwo\n"
    assert [ANSI.sub("", m.content["data"]["text/plain"]) for m in published if m.kind == "execute_result"] == ["42"]


def test_an_error_between_magics_points_at_the_line_of_the_cell(notebook: Notebook) -> None:
    reply, published = notebook.run("const ok = 1\n%timeout off\n\nnull.x\n%timeout off", stop_on_error=False)
    traceback = ANSI.sub("", "\n".join(reply["traceback"]))
    assert re.search(r"Cell \[\d+\], line 4", traceback), traceback
    assert printed(published).count("Cells have no time limit") == 1


def test_the_name_of_a_magic_is_completed_and_explained(notebook: Notebook) -> None:
    notebook.client.complete("%sandbox_l", 10)
    found = notebook.client.get_shell_msg(timeout=10)["content"]
    assert found["matches"][:1] == ["%sandbox_limits"]
    assert (found["cursor_start"], found["cursor_end"]) == (0, 10)
    notebook.client.inspect("%timeit 1 + 1", 3)
    assert "Usage: %timeit" in notebook.client.get_shell_msg(timeout=10)["content"]["data"]["text/plain"]


# -- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["soon", "-1", "0", "5h", "1e9", "99999999m", "5s 6s"])
def test_what_is_no_duration_is_refused_and_changes_nothing(notebook: Notebook, argument: str) -> None:
    notebook.run("%timeout 60")
    assert "500ms" in refused(notebook, f"%timeout {argument}")
    assert printed(notebook.run("%timeout")[1]) == "Cells may run 60 s.\n"
    notebook.run("%timeout off")


@pytest.mark.parametrize(
    ("argument", "seconds"), [("5", "5"), ("5s", "5"), ("500ms", "0.5"), ("1.5 s", "1.5"), ("2m", "120")]
)
def test_a_timeout_is_kept_for_the_cells_behind(notebook: Notebook, argument: str, seconds: str) -> None:
    notebook.run(f"%timeout {argument}")
    assert printed(notebook.run("%timeout")[1]) == f"Cells may run {seconds} s.\n"
    notebook.run("%timeout off")


def test_time_runs_the_line_in_the_session_and_says_what_it_took(notebook: Notebook) -> None:
    _, published = notebook.run("%time const waited = await Bun.sleep(120).then(() => 5)")
    assert re.fullmatch(r"CPU time: .+\nWall time: 1[2-9]\d ms\n", printed(published))
    assert notebook.value("waited") == "5"


def test_time_of_a_cell_shows_its_value_too(notebook: Notebook) -> None:
    _, published = notebook.run("%%time\nconst six = 6\nsix * 7")
    assert ANSI.sub("", published[0].content["data"]["text/plain"]) == "42"
    assert "Wall time: " in printed(published)


def test_timeit_reports_like_ipython(notebook: Notebook) -> None:
    notebook.run("const numbers = [3, 1, 2]")
    _, published = notebook.run("%timeit -r 3 numbers.toSorted()")
    pattern = r"[\d.]+ (ns|µs|ms) ± [\d.]+ (ns|µs|ms) per loop \(mean ± std\. dev\. of 3 runs, [\d,]+ loops each\)\n"
    assert re.fullmatch(pattern, printed(published)), printed(published)


def test_timeit_waits_for_promises(notebook: Notebook) -> None:
    _, published = notebook.run("%timeit -n 2 -r 2 await Bun.sleep(20)")
    assert re.match(r"2\d(\.\d)? ms ± .* of 2 runs, 2 loops each\)", printed(published)), printed(published)


def test_timeit_of_a_cell_does_not_measure_its_setup(notebook: Notebook) -> None:
    _, published = notebook.run("%%timeit -n 10 -r 1 await Bun.sleep(200)\nconst sum = 1 + 1\nsum + 1")
    assert re.match(r"[\d.]+ (ns|µs) ±.* of 1 run, 10 loops each\)", printed(published)), printed(published)


def test_an_error_in_timed_code_points_at_its_line(notebook: Notebook) -> None:
    reply, _ = notebook.run("%%timeit\nconst a = 1\nnull.x", stop_on_error=False)
    assert re.search(r"Cell \[\d+\], line 3", ANSI.sub("", "\n".join(reply["traceback"])))


@pytest.mark.parametrize(
    "code", ["%timeit", "%%timeit\n", "%time", "%timeit -n many 1", "%timeit -r 0 1", "%timeit -x 1"]
)
def test_timing_nothing_or_wrongly_is_refused(notebook: Notebook, code: str) -> None:
    assert re.search(r"nothing to run|whole number|no option", refused(notebook, code))


# -- content ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("magic", "mime", "text"),
    [
        ("%%html", "text/html", "<b>bao</b>\n<i>anpan</i>"),
        ("%%markdown", "text/markdown", "# Buns\n\n$x^2$"),
        ("%%svg", "image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ],
)
def test_a_cell_of_content_is_shown_as_it_is(notebook: Notebook, magic: str, mime: str, text: str) -> None:
    assert shown(notebook.run(f"{magic}\n{text}")[1]) == {mime: text, "text/plain": text}


# -- cost -------------------------------------------------------------------------------------------------------------


def test_every_reply_says_what_the_cell_took(notebook: Notebook) -> None:
    request = notebook.send("console.log('x'.repeat(999)); const end = Date.now() + 100; while (Date.now() < end);")
    list(notebook.messages(request))
    cost = notebook.client.get_shell_msg(timeout=10)["metadata"]["bun_sandbox"]
    assert cost["outcome"] == "ok"
    assert cost["output_bytes"] == 1000
    assert cost["wall_ms"] >= 100
    assert cost["cpu_ms"] >= 10
    assert cost["peak_memory_bytes"] > 1 << 20


def test_a_cell_that_runs_nothing_has_no_cost(notebook: Notebook) -> None:
    request = notebook.send("%lsmagic")
    list(notebook.messages(request))
    assert "bun_sandbox" not in notebook.client.get_shell_msg(timeout=10)["metadata"]
