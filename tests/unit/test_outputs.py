from __future__ import annotations

import pytest

from bun_sandbox_kernel import outputs
from bun_sandbox_kernel.errors import SandboxDied
from bun_sandbox_kernel.wire import Clear, Display, End, Outcome, Result, Stream


def end(outcome: Outcome, message: str = "") -> End:
    return End(outcome, "kept", message, None, 1, 1, 1, 0, 0)


def test_stream_result_and_clear_become_their_messages() -> None:
    assert outputs.render(Stream("stderr", "x"), 1) == ("stream", {"name": "stderr", "text": "x"})
    kind, content = outputs.render(Result({"text/plain": "2"}, {}), 7)
    assert (kind, content["execution_count"], content["data"]) == ("execute_result", 7, {"text/plain": "2"})
    assert outputs.render(Clear(wait=True), 1) == ("clear_output", {"wait": True})


def test_update_needs_a_display_id() -> None:
    def kind(display_id: str | None, *, update: bool) -> str:
        return outputs.render(Display({"text/plain": ""}, {}, display_id, update), 1).msg_type

    assert kind("a", update=False) == "display_data"
    assert kind("a", update=True) == "update_display_data"
    assert kind(None, update=True) == "display_data"


def test_unknown_mime_types_do_not_reach_the_front_end() -> None:
    assert outputs.allowed({"application/x-evil": "x", "text/plain": "ok"}) == {"text/plain": "ok"}
    assert outputs.allowed({"application/vnd.vegalite.v5+json": {}}) == {"application/vnd.vegalite.v5+json": {}}


@pytest.mark.parametrize(
    ("mime", "value"),
    [
        ("application/vnd.dataresource+json", {"schema": {"fields": []}, "data": []}),
        ("application/vnd.vega.v5+json", {}),
        ("application/vnd.vega.v6+json", {}),
        ("application/vnd.vegalite.v4+json", {}),
        ("application/vnd.vegalite.v5+json", {}),
        ("application/vnd.plotly.v1+json", {}),
        ("application/json", [1, None]),
        ("application/geo+json", {}),
        ("text/latex", "$x$"),
        ("image/webp", "UklGRg=="),
        ("image/gif", "R0lGODlh"),
        ("image/jpeg", "/9j/"),
        ("image/svg+xml", "<svg/>"),
    ],
)
def test_what_a_cell_can_show_reaches_the_front_end(mime: str, value: object) -> None:
    assert outputs.allowed({mime: value, "text/plain": ""}) == {mime: value, "text/plain": ""}


@pytest.mark.parametrize(
    "mime",
    [
        "",
        "/",
        "text",
        "text/",
        "__proto__",
        "constructor/prototype",
        "text/html ",
        "text/html\n",
        "Text/HTML",
        "text/html;charset=utf-8",
        "text/plain\0",
        "application/vnd.vega.v5+json\n",
        "application/vnd.vegalite+json",
        "application/vnd.vegalite.v٥+json",
        "application/vnd.vegalite.v5+json/json",
        "application/vnd.vega." + "5" * 1000 + "+json",
        "application/vnd.jupyter.widget-view+json",
        "application/javascript",
    ],
)
def test_names_that_are_not_on_the_list_do_not(mime: str) -> None:
    assert outputs.allowed({mime: "x", "text/plain": "ok"}) == {"text/plain": "ok"}


@pytest.mark.parametrize("mime", sorted(outputs.TEXT_TYPES - {"text/plain"}))
@pytest.mark.parametrize("value", [5, None, True, {}, ["<b>"]])
def test_text_and_images_are_strings(mime: str, value: object) -> None:
    assert outputs.allowed({mime: value, "text/plain": "ok"}) == {"text/plain": "ok"}


def test_bundle_of_a_million_types_is_cut() -> None:
    names = {f"text/{number}": "" for number in range(1_000_000)}
    assert "unknown to this kernel" in outputs.allowed(names)["text/plain"]
    charts: dict[str, object] = {f"application/vnd.vega.v{number}+json": {} for number in range(1000)}
    assert len(outputs.allowed(charts)) == outputs.MAX_MIME_TYPES


def test_tree_that_is_too_deep_or_too_large_is_left_out() -> None:
    deep: object = 1
    for _ in range(outputs.MAX_DEPTH + 1):
        deep = {"a": [deep]}
    large = ["x" * outputs.MAX_MIME_BYTES]
    for value in (deep, large):
        assert outputs.allowed({"application/json": value, "text/plain": "ok"}) == {"text/plain": "ok"}


def test_metadata_is_kept_and_dropped_when_it_is_too_large() -> None:
    def metadata(of: dict[str, object]) -> object:
        return outputs.render(Result({"text/plain": ""}, of), 1).content["metadata"]

    assert metadata({"image/png": {"width": 3}}) == {"image/png": {"width": 3}}
    assert metadata({"a": "x" * outputs.MAX_METADATA_BYTES}) == {}


def test_bundle_is_never_empty_and_says_what_was_left_out() -> None:
    assert "application/x-evil" in outputs.allowed({"application/x-evil": "x"})["text/plain"]


def test_value_beyond_the_cap_is_left_out() -> None:
    data = {"text/html": "x" * (outputs.MAX_MIME_BYTES + 1), "text/plain": "small"}
    assert outputs.allowed(data) == {"text/plain": "small"}


@pytest.mark.parametrize("outcome", ["interrupted", "timeout", "memory", "crashed"])
def test_ending_that_the_program_did_not_choose_is_an_error(outcome: Outcome) -> None:
    error = outputs.ending(end(outcome, "it stopped"))
    assert error is not None
    assert error.evalue == "it stopped"


@pytest.mark.parametrize("outcome", ["ok", "error"])
def test_ending_of_the_programs_own_is_none(outcome: Outcome) -> None:
    assert outputs.ending(end(outcome)) is None


def test_failure_names_its_kind_and_says_that_variables_are_gone() -> None:
    error = outputs.failure(SandboxDied("The sandbox is gone."))
    assert error.ename == "SandboxDied"
    assert "variables are gone" in error.evalue
