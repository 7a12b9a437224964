"""What the Docker API says of a container → ours, for both generations of control groups."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bun_sandbox_kernel.engines.docker_answers import image_of, log_text, stats_of
from bun_sandbox_kernel.errors import EngineError, SandboxDied

V1: dict[str, Any] = {  # Docker 20.10.24, without a network, 5 MiB in /tmp
    "read": "2026-11-24T16:24:18.701723134Z",
    "pids_stats": {"current": 10, "limit": 50},
    "cpu_stats": {
        "cpu_usage": {"total_usage": 64304045, "usage_in_kernelmode": 30000000, "usage_in_usermode": 30000000},
        "system_cpu_usage": 91860720000000,
        "online_cpus": 2,
        "throttling_data": {"periods": 8, "throttled_periods": 2, "throttled_time": 41000000},
    },
    "memory_stats": {
        "usage": 23000000,
        "max_usage": 27000000,
        "stats": {
            "total_active_anon": 8192,
            "total_active_file": 20480,
            "total_cache": 5300224,
            "total_inactive_anon": 21377024,
            "total_inactive_file": 36864,
            "total_rss": 16142336,
        },
        "limit": 268435456,
    },
}
V2: dict[str, Any] = {  # the fields of `statsV2` of moby's daemon/stats_unix.go
    **V1,
    "pids_stats": {"current": 10, "limit": 18446744073709551615},
    "memory_stats": {
        "usage": 30000000,
        "stats": {
            "active_anon": 8192,
            "active_file": 1000000,
            "anon": 16000000,
            "file": 8000000,
            "inactive_anon": 20000000,
            "inactive_file": 2000000,
            "kernel_stack": 110592,
            "shmem": 5000000,
            "slab": 1060864,
        },
        "limit": 268435456,
    },
    "networks": {"eth0": {"rx_bytes": 1174, "tx_bytes": 720}, "eth1": {"rx_bytes": 6, "tx_bytes": 0}},
}


def test_cgroup_v1() -> None:
    stats = stats_of(V1)
    assert stats.read_at_s == pytest.approx(1795537458.701723)
    assert stats.cpu_ns == 64304045
    assert (stats.periods, stats.throttled_periods, stats.throttled_ns) == (8, 2, 41000000)
    assert stats.memory_bytes == 23000000 - 36864
    assert stats.memory_limit_bytes == 256 << 20
    assert stats.memory_peak_bytes == 27000000
    assert stats.anonymous_bytes == 16142336
    assert stats.shared_bytes == 5300224 - 20480 - 36864
    assert stats.file_bytes == 20480
    assert (stats.pids, stats.pids_limit) == (10, 50)
    assert (stats.received_bytes, stats.sent_bytes) == (None, None)


def test_cgroup_v2() -> None:
    stats = stats_of(V2)
    assert stats.memory_bytes == 28000000
    assert (stats.anonymous_bytes, stats.shared_bytes, stats.file_bytes) == (16000000, 5000000, 1000000)
    assert stats.memory_peak_bytes is None
    assert stats.pids_limit is None
    assert (stats.received_bytes, stats.sent_bytes) == (1180, 720)


@pytest.mark.parametrize("answer", [V1, V2])
def test_the_parts_of_memory_add_up_to_it(answer: dict[str, Any]) -> None:
    stats = stats_of(answer)
    parts = (stats.anonymous_bytes, stats.shared_bytes, stats.file_bytes, stats.kernel_bytes)
    assert sum(part or 0 for part in parts) == stats.memory_bytes


def test_an_engine_that_does_not_say_what_memory_is_made_of() -> None:
    stats = stats_of({**V1, "memory_stats": {"usage": 5, "limit": 9, "stats": None}})
    assert (stats.memory_bytes, stats.anonymous_bytes, stats.kernel_bytes) == (5, None, None)


def test_a_container_that_has_ended() -> None:
    with pytest.raises(SandboxDied):
        stats_of({**V1, "memory_stats": {}})


@pytest.mark.parametrize("missing", ["read", "cpu_stats", "memory_stats", "pids_stats"])
def test_an_answer_without_a_part_is_an_error_of_the_engine(missing: str) -> None:
    answer = copy.deepcopy(V1)
    del answer[missing]
    with pytest.raises(EngineError):
        stats_of(answer)


def test_an_image_is_named_with_the_digest_that_a_registry_knows_or_else_with_its_id() -> None:
    container = {"Image": "sha256:0123456789abcdef", "Config": {"Image": "bun-sandbox:1"}}
    assert image_of(container, {"RepoDigests": []}) == "bun-sandbox:1 (sha256:0123456789ab)"
    assert image_of(container, {"RepoDigests": None}) == "bun-sandbox:1 (sha256:0123456789ab)"
    pulled = {"RepoDigests": ["registry:5000/bun-sandbox@sha256:fedcba9876543210"]}
    assert image_of(container, pulled) == "bun-sandbox:1 (sha256:fedcba987654)"


def test_a_log_comes_in_frames() -> None:
    frames = b"\1\0\0\0\0\0\0\4one\n" + b"\2\0\0\0\0\0\0\3tw\xff" + b"\1\0\0"
    assert log_text(frames) == "one\ntw\ufffd"
