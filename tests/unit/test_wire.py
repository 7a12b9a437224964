from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from bun_sandbox_kernel.answers import Completeness, Completion, Completions, Inspection
from bun_sandbox_kernel.errors import PeerError
from bun_sandbox_kernel.wire import (
    MAX_LINE_BYTES,
    PROTOCOL,
    Alive,
    Clear,
    Display,
    End,
    Error,
    Event,
    ExecuteRequest,
    Hello,
    Input,
    Late,
    Lines,
    Order,
    Result,
    Stream,
    WorkerLost,
    decode,
    decode_late,
)

TWIN = (Path(__file__).parents[2] / "docker" / "src" / "wire.ts").read_text("utf-8")
TRANSCRIPTS = sorted((Path(__file__).parents[1] / "transcripts").glob("*.ndjson"))
END = (
    '{"type":"end","outcome":"ok","state":"kept","message":"","exit_code":null,"wall_ms":1,"cpu_ms":1,'
    '"peak_memory_bytes":1,"output_bytes":0,"dropped_bytes":0}'
)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_what_the_supervisor_says_decodes_in_lawful_order(path: Path) -> None:
    order = Order()
    events = [order.check(decode(line)) for line in path.read_text("utf-8").splitlines()]
    assert isinstance(events[-1], End)
    for event, line in zip(events, path.read_text("utf-8").splitlines(), strict=True):
        fields = json.loads(line)
        assert all(_plain(getattr(event, name)) == value for name, value in fields.items() if name != "type")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def test_there_are_transcripts_of_both_good_and_bad_endings() -> None:
    outcomes = {json.loads(path.read_text("utf-8").splitlines()[-1])["outcome"] for path in TRANSCRIPTS}
    assert outcomes == {"ok", "error", "interrupted", "timeout", "crashed"}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"type":"unheard"}',
        '{"type":"stream","name":"stdout"}',
        '{"type":"stream","name":"stdout","text":7}',
        '{"type":"result","data":{"plain":"x"},"metadata":{}}',
        '{"type":"result","data":[],"metadata":{}}',
        '{"type":"error","ename":"E","evalue":"","traceback":[1]}',
        '{"type":"clear","wait":"yes"}',
        '{"type":"input","id":"1","prompt":"","password":false}',
        '{"type":"input","id":true,"prompt":"","password":false}',
        '{"type":"input","id":1,"prompt":null,"password":false}',
        '{"type":"input","id":1,"prompt":""}',
        END.replace('"ok"', '"fine"'),
        END.replace('"wall_ms":1', '"wall_ms":true'),
        END.replace('"wall_ms":1', '"wall_ms":1.5'),
        END.replace('"message":""', '"message":"","spare":NaN'),
        '{"type":"result","data":{"application/json":1e999},"metadata":{}}',
        '{"type":"result","data":{"application/json":-Infinity},"metadata":{}}',
        "[" * 100_000,
        '"' + '\\"' * 5_000_000 + "[" * 600_000,
        '"' + "a" * 15_000_000 + "[" * 600_000 + "\\",
    ],
    ids=lambda line: line[:40],
)
def test_unlawful_line_is_a_peer_error(line: str) -> None:
    with pytest.raises(PeerError):
        decode(line)


def test_late_line_carries_its_execution() -> None:
    line = '{"type":"late","execution":"x","event":{"type":"stream","name":"stdout","text":"hi"}}'
    assert decode_late(line) == Late("x", Stream("stdout", "hi"))
    assert decode_late('{"type":"hello","protocol":1}') == Hello(1)
    assert decode_late('{"type":"worker","state":"lost","message":"m"}') == WorkerLost("m")
    assert decode_late('{"type":"alive"}') == Alive()


@pytest.mark.parametrize("event", [END, '{"type":"input","id":1,"prompt":"","password":false}'])
def test_what_only_a_running_cell_can_say_is_unlawful_when_late(event: str) -> None:
    with pytest.raises(PeerError):
        decode_late(f'{{"type":"late","execution":"x","event":{event}}}')


def test_questions_come_at_any_time_before_the_end() -> None:
    question = decode('{"type":"input","id":3,"prompt":"Name? ","password":true}')
    assert question == Input(3, "Name? ", password=True)
    order = Order()
    for event in (question, Result({}, {}), question, decode(END)):
        order.check(event)
    assert order.ended


@pytest.mark.parametrize(
    "events",
    [
        [decode(END), Stream("stdout", "after")],
        [Result({}, {}), Result({}, {})],
        [Result({}, {}), Error("E", "", ())],
        [decode(END), decode(END)],
        [decode(END), Input(1, "", password=False)],
    ],
)
def test_event_out_of_order_is_a_peer_error(events: list[Event]) -> None:
    order = Order()
    for event in events[:-1]:
        order.check(event)
    with pytest.raises(PeerError):
        order.check(events[-1])


def test_lines_survive_any_cut() -> None:
    data = 'a\n{"text":"süß 🥟"}\n\nlast\n'.encode()
    for cut in range(len(data)):
        lines = Lines()
        assert lines.feed(data[:cut]) + lines.feed(data[cut:]) == ["a", '{"text":"süß 🥟"}', "last"]


def test_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    lines = Lines()
    chunk = b"x" * (1 << 20)
    with pytest.raises(PeerError, match="16 MiB"):
        for _ in range(MAX_LINE_BYTES // len(chunk) + 1):
            lines.feed(chunk)


def test_half_a_character_becomes_one_that_a_message_can_carry() -> None:
    event = decode(r'{"type":"stream","name":"stdout","text":"a\ud800b \ud83e\udd5f"}')
    assert event == Stream("stdout", "a\ufffdb 🥟")
    assert event.text.encode("utf-8")


def test_line_that_is_a_large_tree_is_refused_unread() -> None:
    with pytest.raises(PeerError, match="too many values"):
        decode('{"type":"result","data":{"a/b":[' + "[]," * 600_000 + "[]]}}")


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(PeerError):
        Lines().feed(b"\xff\xfe\n")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("StreamEvent", Stream),
        ("DisplayEvent", Display),
        ("ClearEvent", Clear),
        ("ResultEvent", Result),
        ("ErrorEvent", Error),
        ("InputEvent", Input),
        ("EndEvent", End),
        ("ExecuteRequest", ExecuteRequest),
        ("Completeness", Completeness),
        ("Completions", Completions),
        ("Completion", Completion),
        ("Inspection", Inspection),
    ],
)
def test_each_type_has_the_fields_of_its_twin(name: str, ours: type) -> None:
    declared = TWIN.partition(f"export type {name} = {{")[2].partition("};")[0]
    theirs = [field for field in re.findall(r"readonly (\w+):", declared) if field != "type"]
    assert [field.name for field in fields(ours)] == theirs


def test_the_protocol_is_that_of_the_twin() -> None:
    assert f"export const PROTOCOL = {PROTOCOL};" in TWIN


def test_a_request_is_sent_with_all_its_fields() -> None:
    body = ExecuteRequest(code="1", session=None).body()
    assert list(body) == [field.name for field in fields(ExecuteRequest)]
    assert json.loads(json.dumps(body)) == body
