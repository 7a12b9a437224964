from __future__ import annotations

from pathlib import Path

import pytest

from bun_sandbox_kernel.admin import AdminPolicy
from bun_sandbox_kernel.errors import PolicyError
from bun_sandbox_kernel.policy import MIB, SandboxPolicy, parse_bytes


def test_defaults_are_the_documented_limits() -> None:
    policy = SandboxPolicy()
    assert (policy.memory_bytes, policy.cpus, policy.pids) == (256 * MIB, 0.5, 50)
    assert (policy.tmp_bytes, policy.code_bytes) == (64 * MIB, 32 * MIB)


def test_environment_overrides_defaults() -> None:
    policy = AdminPolicy(Path("/nowhere")).policy(
        {"BUN_SANDBOX_MEMORY": "512m", "BUN_SANDBOX_CPUS": "1.5", "HOME": "/x"}
    )
    assert (policy.memory_bytes, policy.cpus, policy.pids) == (512 * MIB, 1.5, 50)


def test_empty_variable_means_the_default() -> None:
    assert AdminPolicy(Path("/nowhere")).policy({"BUN_SANDBOX_PIDS": ""}) == SandboxPolicy()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BUN_SANDBOX_MEMORY", "1m"),
        ("BUN_SANDBOX_MEMORY", "lots"),
        ("BUN_SANDBOX_CPUS", "0"),
        ("BUN_SANDBOX_CPUS", "nan"),
        ("BUN_SANDBOX_PIDS", "-1"),
        ("BUN_SANDBOX_TMP", "1e9"),
        ("BUN_SANDBOX_MAX_EXECUTION_TIME", "5s"),
        ("BUN_SANDBOX_TRANSPORT", "carrier pigeon"),
    ],
)
def test_wrong_value_names_variable_value_and_what_is_allowed(variable: str, value: str) -> None:
    with pytest.raises(PolicyError) as caught:
        AdminPolicy(Path("/nowhere")).policy({variable: value})
    assert variable in str(caught.value)
    assert value in str(caught.value)
    assert "Set it to" in caught.value.remedy


def test_value_out_of_range_is_refused_however_it_came() -> None:
    with pytest.raises(PolicyError, match="BUN_SANDBOX_MEMORY"):
        SandboxPolicy(memory_bytes=1)


@pytest.mark.parametrize("content", [None, "not json"])
def test_unreadable_seccomp_profile_is_named(tmp_path: Path, content: str | None) -> None:
    profile = tmp_path / "profile.json"
    if content is not None:
        profile.write_text(content)
    with pytest.raises(PolicyError, match=str(profile)):
        SandboxPolicy(seccomp_profile=profile).seccomp()


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("128m", 128 * MIB), ("1G", 1024 * MIB), ("5KiB", 5120)])
def test_sizes_read_as_docker_reads_them(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected
