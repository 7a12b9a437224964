"""What the machine's file says → what a kernel gets, or why it does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from bun_sandbox_kernel.admin import AdminPolicy
from bun_sandbox_kernel.errors import PolicyError
from bun_sandbox_kernel.policy import MIB, UNCONFINED, SandboxPolicy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


def policy(file: Path, text: str, limits: dict[str, str] | None = None, **asked: str) -> SandboxPolicy:
    file.write_text(text, "utf-8")
    return AdminPolicy.read(file).policy(
        {f"BUN_SANDBOX_{name.upper()}": value for name, value in asked.items()}, limits
    )


def test_without_a_file_everybody_gets_what_they_ask_for(file: Path) -> None:
    assert AdminPolicy.read(file).policy({"BUN_SANDBOX_MEMORY": "1g"}).memory_bytes == 1024 * MIB


def test_a_default_is_for_those_who_ask_for_nothing(file: Path) -> None:
    text = '[default]\nmemory = "512m"\ncpus = 2'
    assert policy(file, text) == SandboxPolicy(memory_bytes=512 * MIB, cpus=2)
    assert policy(file, text, memory="128m").memory_bytes == 128 * MIB


@pytest.mark.parametrize("asked", ["512m", "100m"])
def test_less_than_the_cap_is_granted(file: Path, asked: str) -> None:
    policy(file, '[max]\nmemory = "512m"', memory=asked)


def test_more_than_the_cap_is_refused_with_both(file: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(file, '[max]\nmemory = "512m"', memory="513m")
    assert caught.value.message == f'BUN_SANDBOX_MEMORY is "513m", but {file} allows at most "512m".'


def test_no_limit_is_more_than_any_cap(file: Path) -> None:
    with pytest.raises(PolicyError, match="allows at most"):
        policy(file, "[max]\nmax_execution_time = 60000", max_execution_time="0")


def test_what_nobody_asked_for_is_lowered_to_the_cap(file: Path) -> None:
    assert policy(file, '[max]\nmemory = "128m"').memory_bytes == 128 * MIB
    assert policy(file, '[default]\nmemory = "1g"\n[max]\nmemory = "128m"').memory_bytes == 128 * MIB


def test_a_lock_is_the_value_and_no_other_can_be_asked_for(file: Path) -> None:
    text = '[lock]\nnetwork = "none"\npids = 40'
    assert policy(file, text).pids == policy(file, text, pids="40").pids == 40
    with pytest.raises(PolicyError) as caught:
        policy(file, text, network="internet")
    assert caught.value.message == f'BUN_SANDBOX_NETWORK is "internet", but {file} locks it at "none".'


def test_what_may_be_missing_can_be_locked_to_nothing(file: Path) -> None:
    text = "[lock]\nallow_missing = []"
    assert policy(file, text).allow_missing == frozenset()
    with pytest.raises(PolicyError, match="locks it"):
        policy(file, text, allow_missing="seccomp")


def test_the_configuration_asks_like_the_environment_and_is_held_to_the_same(file: Path) -> None:
    assert policy(file, "", {"memory": "1g"}).memory_bytes == 1024 * MIB
    assert policy(file, "", {"memory": "1g"}, memory="2g").memory_bytes == 2048 * MIB
    with pytest.raises(PolicyError, match="allows at most"):
        policy(file, '[max]\nmemory = "512m"', {"memory": "1g"})
    with pytest.raises(PolicyError, match='There is no limit "ram"'):
        policy(file, "", {"ram": "1g"})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[default", "is not TOML"),
        ("memory = 1", 'says "memory"; its sections'),
        ("[defaults]\nmemory = 1", 'says "defaults"; its sections'),
        ("[max]\nram = 1", 'says "ram"; there are memory,'),
        ('[max]\nnetwork = "none"', 'has a [max] for "network"'),
        ('[default]\nmemory = "lots"', 'BUN_SANDBOX_MEMORY is "lots"'),
        ('[lock]\nmemory = "lots"', 'says "lots"'),
        ("[max]\ncpus = 1000", 'says "1000"'),
    ],
)
def test_a_file_that_nobody_understands_stops_the_start(file: Path, text: str, fault: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(file, text)
    assert fault in caught.value.message


def test_a_file_that_cannot_be_read_stops_the_start(file: Path) -> None:
    file.mkdir()
    with pytest.raises(PolicyError, match=f"The policy file {file} cannot be read"):
        AdminPolicy.read(file)


def test_what_is_weakened_is_told() -> None:
    weak = SandboxPolicy(network="internet", seccomp_profile=UNCONFINED, allow_missing=frozenset({"swap"}))
    assert len(weak.weakened) == 3
    assert weak.seccomp() == "unconfined"
    assert SandboxPolicy().weakened == ()
