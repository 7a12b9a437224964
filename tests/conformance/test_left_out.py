"""A sandbox in which a line of the policy does not hold is not used: a real one is started without each of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bun_sandbox_kernel import selfcheck
from bun_sandbox_kernel.engines import docker, docker_spec
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.errors import StartFailed
from bun_sandbox_kernel.policy import LINES, SandboxPolicy
from tests.conftest import eventually, sandboxes_of

Tamper = Callable[[dict[str, Any], dict[str, Any]], object]


def _tmpfs(host: dict[str, Any], path: str, old: str, new: str) -> None:
    assert old in host["Tmpfs"][path]
    host["Tmpfs"][path] = host["Tmpfs"][path].replace(old, new)


TAMPERS: dict[str, Tamper] = {
    "user": lambda spec, _: spec.update(User="10002:10002"),
    "capabilities": lambda _, host: host.update(CapDrop=[]),
    # With a filter and without this the runtime itself refuses.
    "no_new_privs": lambda _, host: host.update(SecurityOpt=["seccomp=unconfined"]),
    "seccomp": lambda _, host: host.update(SecurityOpt=["no-new-privileges", "seccomp=unconfined"]),
    "root": lambda _, host: host.update(ReadonlyRootfs=False),
    "tmp": lambda _, host: _tmpfs(host, "/tmp", ",noexec", ",exec"),
    "code": lambda _, host: _tmpfs(host, "/sandbox/code", f"size={32 << 20}", f"size={33 << 20}"),
    "shm": lambda _, host: _tmpfs(host, "/dev/shm", "nr_inodes=4096", "nr_inodes=8192"),
    "notebook": lambda _, host: host["Binds"].append("/usr:/notebook:ro"),
    "memory": lambda _, host: host.update(Memory=0, MemorySwap=0),
    "swap": lambda _, host: host.update(MemorySwap=host["Memory"] * 2),
    "cpus": lambda _, host: host.update(NanoCpus=0),
    "pids": lambda _, host: host.update(PidsLimit=0),
    "network": lambda _, host: host.update(NetworkMode="bridge"),
    "devices": lambda _, host: host.update(
        Devices=[{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/kmsg", "CgroupPermissions": "r"}]
    ),
}


@pytest.fixture
def tamper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the engine leave one line of the policy out."""
    line = str(request.param)
    lawful = docker_spec.container_spec

    def tampered(policy: SandboxPolicy, **rest: Any) -> dict[str, Any]:
        spec = lawful(policy, **rest)
        TAMPERS[line](spec, spec["HostConfig"])
        return spec

    monkeypatch.setattr(docker, "container_spec", tampered)
    return line


def test_every_line_is_left_out_once() -> None:
    assert set(TAMPERS) == set(LINES)


@pytest.mark.parametrize("tamper", LINES, indirect=True)
def test_a_sandbox_without_a_line_of_the_policy_is_ended_and_the_line_is_named(
    engine: DockerEngine, tamper: str
) -> None:
    with pytest.raises(StartFailed) as caught:
        selfcheck.start(engine, SandboxPolicy(transport="unix"), lambda _: None)
    assert f"The engine docker did not apply what the policy says ({tamper}: " in caught.value.message
    assert tamper in caught.value.remedy.rpartition("BUN_SANDBOX_ALLOW_MISSING=")[2]
    assert eventually(lambda: not sandboxes_of(os.getpid()))
    assert list(Path(tempfile.gettempdir()).glob(f"bun-sandbox-{os.getpid()}-*")) == []


@pytest.mark.parametrize("tamper", ["pids"], indirect=True)
def test_a_line_may_be_missing_when_the_policy_allows_it_by_name(engine: DockerEngine, tamper: str) -> None:
    policy = SandboxPolicy(transport="unix", allow_missing=frozenset({tamper}))
    selfcheck.start(engine, policy, lambda _: None).sandbox.stop()


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_a_lawful_sandbox_holds_every_line(engine: DockerEngine, transport: Any) -> None:
    policy = SandboxPolicy(transport=transport, memory_bytes=128 << 20, cpus=0.25, pids=64, tmp_bytes=8 << 20)
    selfcheck.start(engine, policy, lambda _: None).sandbox.stop()
