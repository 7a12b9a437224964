"""What a sandbox tells of itself → which lines of the policy hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bun_sandbox_kernel.errors import PeerError
from bun_sandbox_kernel.fields import Fields
from bun_sandbox_kernel.policy import LINES, MIB, SandboxPolicy
from bun_sandbox_kernel.selfcheck import judge


def mount(path: str, mebibytes: int) -> dict[str, Any]:
    options = ["rw", "noexec", "nosuid", "nodev"]
    return {"path": path, "type": "tmpfs", "options": options, "bytes": mebibytes * MIB, "inodes": 4096}


LAWFUL: dict[str, Any] = {
    "uids": [10001] * 4,
    "gids": [10001] * 4,
    "capabilities": [],
    "no_new_privs": True,
    "seccomp": 2,
    "denied_call": True,
    "mounts": [
        {"path": "/", "type": "overlay", "options": ["ro"], "bytes": 1, "inodes": 1},
        mount("/tmp", 64),
        mount("/sandbox/code", 32),
        mount("/dev/shm", 8),
    ],
    "memory_bytes": 256 * MIB,
    "swap_bytes": 0,
    "cpus": 0.5,
    "pids": 50,
    "interfaces": ["lo"],
    "devices": ["null", "zero"],
}


def missing(changes: dict[str, Any], *, private: bool = True) -> list[str]:
    facts = Fields.parse(json.dumps({**LAWFUL, **changes}))
    return [line.name for line in judge(facts, SandboxPolicy(), private=private) if not line.holds]


def test_the_lines_are_those_that_the_policy_names() -> None:
    lines = judge(Fields(LAWFUL), SandboxPolicy(), private=True)
    assert [line.name for line in lines] == list(LINES)
    assert all(line.holds for line in lines)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"uids": [0] * 4}, "user"),
        ({"uids": [10001, 10001, 0, 10001]}, "user"),
        ({"gids": [0] * 4}, "user"),
        ({"capabilities": ["CapBnd 00000000a80425fb"]}, "capabilities"),
        ({"no_new_privs": False}, "no_new_privs"),
        ({"seccomp": 0}, "seccomp"),
        ({"seccomp": 1}, "seccomp"),
        ({"denied_call": False}, "seccomp"),
        ({"memory_bytes": None}, "memory"),
        ({"memory_bytes": 257 * MIB}, "memory"),
        ({"swap_bytes": None}, "swap"),
        ({"swap_bytes": 1}, "swap"),
        ({"cpus": None}, "cpus"),
        ({"cpus": 2}, "cpus"),
        ({"pids": None}, "pids"),
        ({"pids": 51}, "pids"),
        ({"interfaces": ["lo", "eth0"]}, "network"),
        ({"devices": ["null", "kmsg"]}, "devices"),
    ],
)
def test_a_line_that_does_not_hold_is_told(changes: dict[str, object], line: str) -> None:
    assert missing(changes) == [line]


def test_a_place_that_is_not_mounted_is_told() -> None:
    assert missing({"mounts": []}) == ["root", "tmp", "code", "shm"]


def test_tighter_than_the_policy_is_lawful() -> None:
    assert missing({"memory_bytes": 128 * MIB, "cpus": 0.1, "pids": 30, "interfaces": [], "devices": []}) == []


def test_a_sandbox_that_is_reached_by_ports_has_an_interface_for_them() -> None:
    assert missing({"interfaces": ["lo", "eth0"]}, private=False) == []


@pytest.mark.parametrize("field", sorted(LAWFUL))
@pytest.mark.parametrize("value", ["nonsense", {"a": 1}, [None], True])
def test_what_is_no_self_check_is_a_peer_error(field: str, value: object) -> None:
    if isinstance(value, bool) and isinstance(LAWFUL[field], bool):
        value = 1
    with pytest.raises(PeerError):
        missing({field: value})


NOTEBOOK = {"path": "/notebook", "type": "ext4", "options": ["ro"], "bytes": 1, "inodes": 1, "readable": True}
WRITABLE = {**NOTEBOOK, "options": ["rw"]}


@pytest.mark.parametrize(
    ("policy", "mounts", "holds"),
    [
        ("none", [], True),
        ("none", [NOTEBOOK], False),
        ("ro", [], False),
        ("ro", [NOTEBOOK], True),
        ("ro", [WRITABLE], False),
        ("ro", [NOTEBOOK, {**WRITABLE, "path": "/notebook/disk"}], False),
    ],
)
def test_the_notebook_s_folder_is_read_only_with_all_that_is_mounted_in_it(
    policy: Any, mounts: list[Any], holds: bool
) -> None:
    facts = Fields({**LAWFUL, "mounts": [*LAWFUL["mounts"], *mounts]})
    lines = judge(facts, SandboxPolicy(mount_notebook_dir=policy), private=True)
    assert [line.name for line in lines if not line.holds] == ([] if holds else ["notebook"])
