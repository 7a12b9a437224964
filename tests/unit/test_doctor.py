from __future__ import annotations

import os
import socket

import pytest

from bun_sandbox_kernel import doctor, standalone
from bun_sandbox_kernel.engines import EngineInfo
from bun_sandbox_kernel.engines.docker import DockerEngine

LIMITS = {"MemoryLimit": True, "SwapLimit": True, "CpuCfsQuota": True, "PidsLimit": True,
          "SecurityOptions": ["name=seccomp,profile=default"], "CgroupVersion": "2"}  # fmt: skip


def info(version: str = "29.1.0", runc: str | None = "1.3.4") -> EngineInfo:
    return EngineInfo("Docker", version, {} if runc is None else {"runc": runc}, "here")


@pytest.mark.parametrize(
    ("version", "status"), [("19.03.1", "fail"), ("20.10.24+dfsg1", "warn"), ("28.3.2", "warn"), ("28.3.3", "ok")]
)
def test_engine_is_judged_by_its_age(version: str, status: str) -> None:
    assert doctor.check_engine(info(version)).status == status


@pytest.mark.parametrize(
    ("runc", "status"),
    [("1.1.5+ds1", "warn"), ("1.2.7", "warn"), ("1.2.8", "ok"), ("1.3.2", "warn"), ("1.3.3", "ok"), ("1.4.0", "ok"),
     ("2.0", "ok"), (None, "warn")],
)  # fmt: skip
def test_runtime_is_judged_by_known_escapes(runc: str | None, status: str) -> None:
    assert doctor.check_runc(info(runc=runc)).status == status


def test_limit_that_cannot_be_applied_fails_by_name() -> None:
    assert doctor.check_limits(LIMITS).status == "ok"
    check = doctor.check_limits({**LIMITS, "SwapLimit": False, "SecurityOptions": None})
    assert check.status == "fail"
    assert "swap, seccomp" in check.text


def test_every_line_that_is_not_ok_has_a_remedy() -> None:
    lines = [doctor.check_engine(info("1.0")), doctor.check_runc(info(runc="1.0")), doctor.check_limits({}),
             doctor.check_policy({"BUN_SANDBOX_PIDS": "0"})]  # fmt: skip
    assert all(line.status != "ok" and line.remedy for line in lines)


def test_without_an_engine_the_machine_s_sockets_tell_who_has_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "banana")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(standalone, "PORTS", (port,))
        found = {check.text: check for check in doctor.examine(DockerEngine())}
    assert found["No Docker engine answers at banana."].status == "fail"
    (ports,) = (text for text in found if text.startswith("ports: "))
    assert f"taken are {port} by the process " in ports
    assert f"({os.getpid()})" in ports
