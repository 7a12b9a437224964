"""What the sandboxes of an engine's kernels use, as Prometheus reads it.

Law: figures are the engine's, never a sandbox's. Names and units: https://prometheus.io/docs/practices/naming/; none
is one that a supervisor serves itself (docker/src/supervisor/metrics.ts).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import NamedTuple
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from .engines import Engine, Measured
from .errors import EngineError

_PREFIX = "bun_sandbox_container"


class _Series(NamedTuple):
    """A series with a sample for each sandbox; None is what the engine does not know."""

    kind: type[Counter | Gauge]
    name: str
    help: str
    of: Callable[[Measured], float | None]


_SERIES = (
    _Series(Gauge, "start_time_seconds", "When the sandbox was made, since the epoch.", lambda one: one.created_s),
    _Series(Counter, "cpu_seconds", "Processor time of all its processes.", lambda one: one.stats.cpu_ns / 1e9),
    _Series(Counter, "cpu_periods", "Periods in which it wanted to run.", lambda one: one.stats.periods),
    _Series(Counter, "cpu_throttled_periods", "Those that its limit cut.", lambda one: one.stats.throttled_periods),
    _Series(Counter, "cpu_throttled_seconds", "Time held back.", lambda one: one.stats.throttled_ns / 1e9),
    _Series(Gauge, "memory_bytes", "Memory, without idle page cache.", lambda one: one.stats.memory_bytes),
    _Series(Gauge, "memory_limit_bytes", "Limit of its memory.", lambda one: one.stats.memory_limit_bytes),
    _Series(Gauge, "memory_peak_bytes", "The most ever, page cache included.", lambda one: one.stats.memory_peak_bytes),
    _Series(Gauge, "scratch_bytes", "Memory that its scratch files take.", lambda one: one.stats.shared_bytes),
    _Series(Gauge, "pids", "Processes and threads.", lambda one: one.stats.pids),
    _Series(Gauge, "pids_limit", "Limit of processes and threads.", lambda one: one.stats.pids_limit),
    _Series(Counter, "network_receive_bytes", "Received, if it has a network.", lambda one: one.stats.received_bytes),
    _Series(Counter, "network_transmit_bytes", "Sent, if it has a network.", lambda one: one.stats.sent_bytes),
)


def families(sandboxes: Sequence[Measured] | None) -> Iterator[Metric]:
    """Yield every series; None stands for an engine that does not answer."""
    yield Gauge("bun_sandbox_engine_up", "Whether the engine answers: 1 or 0.", value=int(sandboxes is not None))
    if sandboxes is None:
        return
    yield Gauge("bun_sandbox_containers", "Sandboxes of kernels that run.", value=len(sandboxes))
    info = InfoMetricFamily(_PREFIX, "Whose a sandbox is, and what it runs; the value is 1.", labels=["sandbox"])
    for one in sandboxes:
        said = {"image": one.image, "version": one.version, "owner_pid": one.owner_pid}
        info.add_metric([one.id], said)
    yield info
    for series in _SERIES:
        family = series.kind(f"{_PREFIX}_{series.name}", series.help, labels=["sandbox"])
        for one in sandboxes:
            value = series.of(one)
            if value is not None:
                family.add_metric([one.id], value)
        yield family


def text(sandboxes: Sequence[Measured]) -> str:
    """Return the text format: https://prometheus.io/docs/instrumenting/exposition_formats/."""
    return generate_latest(_Collector(lambda: sandboxes)).decode()


def serve(engine: Engine, host: str, port: int) -> tuple[WSGIServer, Thread]:
    """Serve new figures to whoever asks, in a thread; 0 takes a free port. Raises OSError for one that is taken."""
    registry = CollectorRegistry()
    registry.register(_Collector(lambda: _measured(engine)))
    return start_http_server(port, host, registry)


class _Collector(Collector):
    """What the library asks for series."""

    def __init__(self, measured: Callable[[], Sequence[Measured] | None]) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        return families(self._measured())


def _measured(engine: Engine) -> list[Measured] | None:
    try:
        return engine.measure()
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return None
