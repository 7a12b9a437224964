from __future__ import annotations

import pytest

from bun_sandbox_kernel.answers import Completion, Completions
from bun_sandbox_kernel.introspection import (
    Inquiry,
    code_points,
    complete_reply,
    inquiry,
    inspect_reply,
    page,
    utf16_units,
)

TEXTS = ["", "plain", "süß 🥟 dumpling", "🥟", "👩‍💻👩‍💻", "a\ud800b"]


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("name?", Inquiry("name", detail=False)),
        ("name??", Inquiry("name", detail=True)),
        ("?name", Inquiry("name", detail=False)),
        ("??name", Inquiry("name", detail=True)),
        ("  Bun.file ?\n", Inquiry("Bun.file", detail=False)),
        ("$ ?", Inquiry("$", detail=False)),
        ("_1.$x_2.größe?;", Inquiry("_1.$x_2.größe", detail=False)),
        ("Array\n  .prototype\n  .map?", Inquiry("Array.prototype.map", detail=False)),
    ],
)
def test_a_cell_that_asks(code: str, asked: Inquiry) -> None:
    assert inquiry(code) == asked


@pytest.mark.parametrize(
    "code",
    [
        "",
        "?",
        "??",
        "name",
        "?name?",
        "name???",
        "a ? b : c",
        "a ?? b",
        "a?.b",
        "a?.b?",
        "1?",
        "1a?",
        "a.?",
        ".a?",
        "a b?",
        "f()?",
        "a[0]?",
        "a = b?",
        "// why?",
        "'really?'",
        "a?\nb?",
        "a?\nb",
    ],
)
def test_a_cell_that_is_a_program(code: str) -> None:
    assert inquiry(code) is None


def test_a_long_cell_is_told_apart_at_once() -> None:
    assert inquiry("a." * 100_000 + "b") is None
    assert inquiry("a " * 100_000 + "?") is None
    assert inquiry(" " * 100_000 + "\n1") is None


@pytest.mark.parametrize("text", TEXTS)
def test_offsets_are_those_of_utf_16_and_back(text: str) -> None:
    for point in range(len(text) + 1):
        units = utf16_units(text, point)
        assert units == len(text[:point].encode("utf-16-le", "surrogatepass")) // 2
        assert code_points(text, units) == point


def test_an_offset_outside_is_the_nearest_inside() -> None:
    assert (utf16_units("🥟a", 7), utf16_units("🥟a", -1)) == (3, 0)
    assert (code_points("🥟a", 7), code_points("🥟a", 1)) == (2, 1)


def test_completions_replace_what_stands_behind_an_emoji() -> None:
    code = '"🥟🥟"; Math.fl'
    start = utf16_units(code, code.index("fl"))
    found = Completions(start, start + 2, (Completion("floor", "function", "(x)"), Completion("flat", "text", "")))
    reply = complete_reply(code, len(code), found)
    assert (reply["status"], reply["matches"]) == ("ok", ["floor", "flat"])
    assert code[: reply["cursor_start"]] + "floor" + code[reply["cursor_end"] :] == '"🥟🥟"; Math.floor'
    assert reply["metadata"]["_jupyter_types_experimental"][0] == {
        "text": "floor",
        "type": "function",
        "signature": "(x)",
        "start": reply["cursor_start"],
        "end": reply["cursor_end"],
    }


def test_without_an_answer_nothing_is_replaced() -> None:
    reply = complete_reply("abc", 2, None)
    assert (reply["matches"], reply["cursor_start"], reply["cursor_end"]) == ([], 2, 2)


def test_what_is_not_found_has_no_data() -> None:
    assert inspect_reply({}) == {"status": "ok", "found": False, "data": {}, "metadata": {}}
    assert inspect_reply({"text/plain": "x"})["found"]


def test_a_page_shows_only_what_a_front_end_may_get() -> None:
    shown = page({"text/plain": "x", "application/javascript": "alert()"})
    assert shown == {"source": "page", "data": {"text/plain": "x"}, "start": 0}
