from __future__ import annotations

import json
from typing import Any

import pytest

from bun_sandbox_kernel.answers import (
    MAX_MATCHES,
    MAX_TEXT,
    Completeness,
    Completion,
    Completions,
    Inspection,
    decode_acceptance,
    decode_completeness,
    decode_completions,
    decode_inspection,
)
from bun_sandbox_kernel.errors import PeerError

MATCH = {"text": "map", "kind": "function", "signature": "map(f)"}


def completions(**changes: Any) -> str:
    return json.dumps({"about": "complete", "start": 1, "end": 3, "matches": [MATCH]} | changes)


def test_answers_decode() -> None:
    assert decode_completions(completions()) == Completions(1, 3, (Completion("map", "function", "map(f)"),))
    assert decode_completions(completions(matches=[])).matches == ()
    assert decode_inspection('{"about":"inspect","data":{}}') == Inspection({})
    assert decode_inspection('{"about":"inspect","data":{"text/plain":"x"}}') == Inspection({"text/plain": "x"})
    assert decode_completeness('{"about":"is_complete","status":"incomplete","indent":"  "}') == Completeness(
        "incomplete", "  "
    )
    assert decode_acceptance('{"accepted":true}')
    assert not decode_acceptance('{"accepted":false}')


def test_as_much_as_the_caps_allow_decodes() -> None:
    longest = {"text": "x" * MAX_TEXT, "kind": "", "signature": ""}
    assert len(decode_completions(completions(matches=[longest] * MAX_MATCHES)).matches) == MAX_MATCHES


@pytest.mark.parametrize(
    "changes",
    [
        {"about": "inspect"},
        {"about": None},
        {"start": -1},
        {"start": 4},
        {"end": 1.5},
        {"end": True},
        {"matches": None},
        {"matches": {}},
        {"matches": ["map"]},
        {"matches": [{"text": "map", "kind": "function"}]},
        {"matches": [MATCH | {"kind": 1}]},
        {"matches": [MATCH | {"text": "x" * (MAX_TEXT + 1)}]},
        {"matches": [MATCH | {"signature": "x" * (MAX_TEXT + 1)}]},
        {"matches": [MATCH] * (MAX_MATCHES + 1)},
    ],
)
def test_unlawful_completions_are_a_peer_error(changes: dict[str, Any]) -> None:
    with pytest.raises(PeerError):
        decode_completions(completions(**changes))


@pytest.mark.parametrize(
    ("decode", "answer"),
    [
        (decode_inspection, '{"about":"complete","data":{}}'),
        (decode_inspection, '{"about":"inspect","data":[]}'),
        (decode_inspection, '{"about":"inspect","data":{"plain":"x"}}'),
        (decode_completeness, '{"about":"is_complete","status":"perhaps","indent":""}'),
        (decode_completeness, '{"status":"complete","indent":""}'),
        (decode_acceptance, '{"accepted":1}'),
        (decode_acceptance, "true"),
    ],
)
def test_any_other_answer_is_a_peer_error(decode: Any, answer: str) -> None:
    with pytest.raises(PeerError):
        decode(answer)
