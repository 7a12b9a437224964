"""What Prometheus reads of an engine's sandboxes."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bun_sandbox_kernel import metrics
from bun_sandbox_kernel.engines import Measured, Stats

READ: dict[str, Any] = {
    "read_at_s": 1.0,
    "cpu_ns": 1_500_000_000,
    "periods": 8,
    "throttled_periods": 2,
    "throttled_ns": 250_000_000,
    "memory_bytes": 30 << 20,
    "anonymous_bytes": None,
    "shared_bytes": 5 << 20,
    "file_bytes": None,
    "kernel_bytes": None,
    "memory_limit_bytes": 256 << 20,
    "memory_peak_bytes": 40 << 20,
    "pids": 9,
    "pids_limit": 50,
    "received_bytes": 11,
    "sent_bytes": 12,
}
UNKNOWN = ("shared_bytes", "memory_limit_bytes", "memory_peak_bytes", "pids_limit", "received_bytes", "sent_bytes")


def measured(sandbox: str, **figures: Any) -> Measured:
    return Measured(sandbox, "bun-sandbox:1", "0.1.0", "42", 1_700_000_000, Stats(**{**READ, **figures}))


def samples(text: str, sandbox: str = "a") -> dict[str, float]:
    """Return what is said of one sandbox, and of all."""
    return {
        sample.name.removeprefix("bun_sandbox_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("sandbox", sandbox) == sandbox
    }


def test_figures_come_in_base_units() -> None:
    assert samples(metrics.text([measured("a"), measured("b", cpu_ns=0)])) == {
        "engine_up": 1,
        "containers": 2,
        "container_info": 1,
        "container_start_time_seconds": 1_700_000_000,
        "container_cpu_seconds_total": 1.5,
        "container_cpu_periods_total": 8,
        "container_cpu_throttled_periods_total": 2,
        "container_cpu_throttled_seconds_total": 0.25,
        "container_memory_bytes": 30 << 20,
        "container_memory_limit_bytes": 256 << 20,
        "container_memory_peak_bytes": 40 << 20,
        "container_scratch_bytes": 5 << 20,
        "container_pids": 9,
        "container_pids_limit": 50,
        "container_network_receive_bytes_total": 11,
        "container_network_transmit_bytes_total": 12,
    }


def test_each_sandbox_has_samples_of_its_own() -> None:
    text = metrics.text([measured("a"), measured("b", cpu_ns=0)])
    assert samples(text, "b")["container_cpu_seconds_total"] == 0


def test_whose_a_sandbox_is_and_what_it_runs_are_labels_of_one_series() -> None:
    families = {family.name: family for family in text_string_to_metric_families(metrics.text([measured("a")]))}
    (said,) = families["bun_sandbox_container_info"].samples
    assert said.labels == {"sandbox": "a", "image": "bun-sandbox:1", "version": "0.1.0", "owner_pid": "42"}


def test_what_the_engine_does_not_know_is_left_out() -> None:
    known = samples(metrics.text([measured("a")]))
    left = samples(metrics.text([measured("a", **dict.fromkeys(UNKNOWN))]))
    assert len(known) - len(left) == len(UNKNOWN)


def test_no_sandboxes_are_a_valid_answer() -> None:
    assert samples(metrics.text([])) == {"engine_up": 1, "containers": 0}


def test_an_engine_that_does_not_answer_is_no_lack_of_sandboxes() -> None:
    assert [(family.name, family.samples[0].value) for family in metrics.families(None)] == [
        ("bun_sandbox_engine_up", 0)
    ]
