"""What the engine says → what the user is told."""

from __future__ import annotations

import pytest

from bun_sandbox_kernel.engines.docker_api import connect, limits_left_out, remedy_for, unavailable
from bun_sandbox_kernel.errors import EngineUnavailable

MEMORY = "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded."
SWAP = "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap."
PIDS = "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded."
CPU = "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."
FORWARDING = "IPv4 forwarding is disabled. Networking will not work."
PLATFORM = "The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64)"


@pytest.mark.parametrize("warning", [MEMORY, SWAP, PIDS, CPU])
def test_limit_that_the_engine_leaves_out_is_an_error_in_its_words(warning: str) -> None:
    error = limits_left_out([FORWARDING, warning])
    assert error is not None
    assert warning in str(error)
    assert FORWARDING not in str(error)
    assert "cgroup_enable=memory swapaccount=1" in error.remedy


def test_every_limit_that_is_left_out_is_named() -> None:
    error = limits_left_out([SWAP, PIDS])
    assert SWAP in str(error)
    assert PIDS in str(error)


@pytest.mark.parametrize("warnings", [[], [FORWARDING], [FORWARDING, PLATFORM]])
def test_warning_that_takes_no_limit_away_stops_nothing(warnings: list[str]) -> None:
    assert limits_left_out(warnings) is None


def test_full_disk_has_a_remedy_of_its_own() -> None:
    assert "docker system prune" in remedy_for("write /usr/local/bin/bun: no space left on device", "otherwise")
    assert remedy_for("manifest unknown", "otherwise") == "otherwise"


@pytest.mark.parametrize("host", ["banana", "unix:///nowhere.sock", "tcp://127.0.0.1:1"])
def test_an_engine_that_docker_host_names_in_vain_is_told_with_the_variable_and_its_value(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineUnavailable) as raised:
        connect().list("nothing")
    assert f'DOCKER_HOST is "{host}"' in raised.value.remedy
    assert "Install" not in raised.value.remedy


def test_where_no_engine_is_named_one_is_to_be_installed_and_no_cell_is_spoken_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    remedy = unavailable(FileNotFoundError()).remedy
    assert remedy == "Install and start one (Debian and Ubuntu: `apt-get install docker.io`), then try again."
