"""A list of files → what a notebook shows, and answers about files → what is believed of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bun_sandbox_kernel.answers import (
    MAX_ENTRIES,
    Entry,
    Listing,
    decode_file_refusal,
    decode_listing,
    decode_written,
)
from bun_sandbox_kernel.errors import PeerError
from bun_sandbox_kernel.views import DATA, files

ROOM: dict[str, Any] = {"left_out": 0, "total_bytes": 4096, "free_bytes": 1024, "total_files": 9, "free_files": 8}


def listing(*names: str, **changes: int) -> Listing:
    return Listing(tuple(Entry(name, "file", 1536, 0) for name in names), **{**ROOM, **changes})


def test_names_sizes_times_and_room_are_shown() -> None:
    bundle = files.bundle("", listing("a.csv"))
    assert bundle["text/plain"].split("\n") == [
        "/sandbox/code",
        "  a.csv  1.5 KB  1970-01-01 00:00",
        "3 KB used, 1 KB and 8 files free",
    ]
    assert "<td>1.5 KB</td>" in bundle["text/html"]
    assert bundle[DATA]["entries"][0] == {
        "name": "a.csv",
        "kind": "file",
        "bytes": 1536,
        "modified_ms": 0,
    }


def test_a_hostile_name_does_nothing_to_a_terminal_or_a_page() -> None:
    bundle = files.bundle("\x1b[0m<i>", listing("\x1b[2J<img src=x onerror=alert(1)>\u202e\n"))
    assert "\x1b" not in bundle["text/plain"] + bundle["text/html"]
    assert "\u202e" not in bundle["text/plain"] + bundle["text/html"]
    assert len(bundle["text/plain"].split("\n")) == 3
    assert "<img" not in bundle["text/html"]
    assert "<i>" not in bundle["text/html"]


def test_an_empty_folder_and_names_that_are_left_out_are_said_so() -> None:
    assert "(empty)" in files.bundle("", listing())["text/plain"]
    assert "7 more are not listed" in files.bundle("", listing("a", left_out=7))["text/html"]


@pytest.mark.parametrize("modified_ms", [-(10**15), 10**15, 1 << 53])
def test_an_impossible_time_is_left_out(modified_ms: int) -> None:
    assert files.bundle("", Listing((Entry("a", "file", 1, modified_ms),), **ROOM))["text/plain"]


def answer(**changes: object) -> str:
    entry = {"name": "a", "kind": "file", "bytes": 1, "modified_ms": 1}
    return json.dumps({"entries": [entry], **ROOM, **changes})


def test_a_lawful_listing_is_read() -> None:
    assert decode_listing(answer()).entries == (Entry("a", "file", 1, 1),)


@pytest.mark.parametrize(
    "changes",
    [
        {"entries": 1},
        {"entries": [1]},
        {"entries": [{"name": "a/b", "kind": "file", "bytes": 1, "modified_ms": 1}]},
        {"entries": [{"name": "..", "kind": "file", "bytes": 1, "modified_ms": 1}]},
        {"entries": [{"name": "", "kind": "file", "bytes": 1, "modified_ms": 1}]},
        {"entries": [{"name": "x" * 256, "kind": "file", "bytes": 1, "modified_ms": 1}]},
        {"entries": [{"name": "a", "kind": "file", "bytes": -1, "modified_ms": 1}]},
        {"entries": [{"name": "a", "kind": "file", "bytes": 1, "modified_ms": 1.5}]},
        {"entries": [{"name": "a", "kind": "file", "bytes": 1, "modified_ms": 1}] * (MAX_ENTRIES + 1)},
        {"free_bytes": -1},
        {"total_files": 1 << 60},
        {"left_out": None},
    ],
)
def test_an_unlawful_listing_is_a_peer_error(changes: dict[str, object]) -> None:
    with pytest.raises(PeerError):
        decode_listing(answer(**changes))


def test_what_was_written_is_read_or_a_peer_error() -> None:
    assert decode_written('{"bytes": 3, "existed": true}').existed
    with pytest.raises(PeerError):
        decode_written('{"bytes": -3, "existed": true}')


def test_a_refusal_is_told_in_words_of_ours() -> None:
    said = decode_file_refusal("a\x1b", '{"error": {"code": "exists", "message": "\\u001b[2J"}}')
    assert str(said) == "a\\x1b is in the sandbox already. Add --force to replace it, or --to NAME."
    for other in ("{}", "[]", "x", '{"error": {"code": "odd", "message": ""}}', '{"error": {"code": 1}}'):
        assert decode_file_refusal("a", other) is None
