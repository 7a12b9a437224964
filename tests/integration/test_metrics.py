"""``bun-sandbox metrics``: what all sandboxes of a real engine use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bun_sandbox_kernel import __version__
from bun_sandbox_kernel.engines import docker
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_api import Found, connect
from bun_sandbox_kernel.engines.docker_spec import LABEL
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conftest import started

COMMAND = [sys.executable, "-c", "from bun_sandbox_kernel.cli import main; main()", "metrics"]
NOWHERE = {"DOCKER_HOST": "unix:///nowhere.sock"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60, env=env)


@contextmanager
def serving(**environment: str) -> Iterator[str]:
    """Yield the address that a server has chosen and says."""
    env = {**os.environ, **environment}
    command = [*COMMAND, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as server:
        assert server.stderr is not None
        said = re.fullmatch(r"Serving (http://127\.0\.0\.1:\d+/metrics)\n", server.stderr.readline())
        assert said is not None
        yield said[1]
        server.terminate()


def get(address: str) -> str:
    with urlopen(address, timeout=30) as answer:
        return str(answer.read().decode())


def samples(text: str) -> dict[tuple[str, str], Any]:
    """Return samples by their series and their sandbox."""
    return {
        (sample.name.removeprefix("bun_sandbox_container_"), sample.labels.get("sandbox", "")): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_sandbox_is_measured_against_its_own_limits(engine: DockerEngine) -> None:
    small, large = SandboxPolicy(memory_bytes=128 << 20, pids=40), SandboxPolicy(transport="tcp")
    begun = time.time()
    with started(engine, small) as one, started(engine, large) as other:
        result = run()
    assert result.returncode == 0, result.stderr
    found = samples(result.stdout)
    assert found["bun_sandbox_containers", ""].value >= 2
    for policy, sandbox in ((small, one.id[:12]), (large, other.id[:12])):
        assert found["memory_limit_bytes", sandbox].value == policy.memory_bytes
        assert found["pids_limit", sandbox].value == policy.pids
        assert 4 << 20 < found["memory_bytes", sandbox].value < policy.memory_bytes
        assert 0 < found["cpu_seconds_total", sandbox].value < time.time() - begun
        assert begun - 1 <= found["start_time_seconds", sandbox].value <= time.time()
        said = found["info", sandbox].labels
        assert (said["version"], said["owner_pid"]) == (__version__, str(os.getpid()))
        assert said["image"].startswith("bun-sandbox:")
        assert (("network_receive_bytes_total", sandbox) in found) == (policy.transport == "tcp")


def test_a_sandbox_that_ends_meanwhile_is_left_out(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        """The engine, and a list that is older than the figures."""

        stats = connect().stats

        def list(self, label: str) -> list[Found]:
            return [*connect().list(label), gone]

    with started(engine) as sandbox, started(engine) as ended:
        (gone,) = (found for found in connect().list(LABEL) if found.id == ended.id)
        ended.stop()
        monkeypatch.setattr(docker, "connect", Late)
        measured = {one.id for one in engine.measure()}
    assert sandbox.id[:12] in measured
    assert gone.id[:12] not in measured


def test_a_server_measures_anew_for_whoever_asks(engine: DockerEngine) -> None:
    with serving() as address, started(engine) as sandbox:
        before, after = (samples(get(address))["cpu_seconds_total", sandbox.id[:12]].value for _ in range(2))
        assert 0 < before <= after
        sandbox.stop()
        assert ("info", sandbox.id[:12]) not in samples(get(address))


def test_without_an_engine_there_is_a_sentence_and_no_figures() -> None:
    result = run(**NOWHERE)
    assert (result.returncode, result.stdout) == (1, "")
    assert "No Docker engine answers at unix:///nowhere.sock." in result.stderr


def test_a_server_outlives_its_engine_and_says_that_it_is_gone() -> None:
    with serving(**NOWHERE) as address:
        assert [(series, sample.value) for (series, _), sample in samples(get(address)).items()] == [
            ("bun_sandbox_engine_up", 0)
        ]


@pytest.mark.parametrize("address", ["9997", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", ":9997"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    result = run("--listen", address)
    assert result.returncode == 2
    assert f"--listen is {address!r}" in result.stderr


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with serving(**NOWHERE) as address:
        taken = address.removeprefix("http://").removesuffix("/metrics")
        result = run("--listen", taken)
    assert result.returncode == 1
    assert result.stderr == f"Error: Nothing can be served at {taken}: Address already in use. Give another one.\n"
