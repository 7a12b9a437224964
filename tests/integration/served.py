"""A container that somebody has started by hand, as docs/http-api.md says, on ports that are free."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bun_sandbox_kernel import image
from bun_sandbox_kernel.resources import SECCOMP_PROFILE
from tests.conftest import eventually

HARDENED = (
    "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true",
    f"--security-opt=seccomp={SECCOMP_PROFILE}", "--memory=256m", "--memory-swap=256m", "--cpus=1", "--pids-limit=50",
    "--publish=127.0.0.1::9998", "--publish=127.0.0.1::9999",
    "--tmpfs=/tmp:size=64M,nr_inodes=4096,mode=1777,noexec,nosuid,nodev",
    "--tmpfs=/dev/shm:size=8M,nr_inodes=4096,mode=1777,noexec,nosuid,nodev",
    "--tmpfs=/sandbox/code:size=32M,nr_inodes=4096,mode=0755,uid=10001,gid=10001,noexec,nosuid,nodev",
)  # fmt: skip

EATS = "const all = []; for (;;) { all.push(new Uint8Array(1 << 20).fill(1)); await Bun.sleep(1) }"
"""A program that takes all the memory that it gets."""


def docker(*arguments: str) -> str:
    """Run Docker's command line, and return what it prints."""
    return subprocess.run(("docker", *arguments), check=True, capture_output=True, text=True, timeout=60).stdout


@dataclass(frozen=True)
class Served:
    """The container's name, and one client for each of its ports."""

    name: str
    client: httpx.Client
    health: httpx.Client

    def execute(self, code: str, **fields: object) -> dict[str, Any]:
        """Run code and return the one answer, which is no refusal."""
        answer = self.client.post("/execute", json={"code": code, **fields})
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())

    def printed(self, code: str, **fields: object) -> str:
        """Run code that comes to its own end, and return what it prints."""
        ran = self.execute(code, **fields)
        assert ran["outcome"] == "ok", ran
        return str(ran["stdout"])

    def state(self) -> dict[str, Any]:
        """Return what its health says."""
        return dict(self.health.get("/health").json())

    def idles(self) -> bool:
        """Wait until nothing runs or waits any more."""
        return eventually(lambda: (state := self.state())["running"] == state["waiting"] == 0)

    def lives(self) -> None:
        """Hold the container to this: the next request is served."""
        assert self.idles()
        assert self.printed("console.log(6 * 7)") == "42\n"

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of its log, which are JSON."""
        return [json.loads(line) for line in docker("logs", self.name).splitlines()]

    def port(self, inside: int) -> int:
        """Return where a port of the container is on this machine."""
        return int(docker("port", self.name, str(inside)).rpartition(":")[2])


@contextmanager
def served(*flags: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Start a container, wait until it is ready, and remove it afterwards."""
    name = f"bun-sandbox-test-{uuid.uuid4().hex[:8]}"
    variables = [f"--env={key}={value}" for key, value in (environment or {}).items()]
    docker("run", "--detach", f"--name={name}", *HARDENED, *variables, *flags, image.reference())
    try:
        ports = {inside: int(docker("port", name, str(inside)).rpartition(":")[2]) for inside in (9998, 9999)}
        with _client(ports[9998]) as client, _client(ports[9999]) as health:
            assert eventually(lambda: _is_ready(health)), docker("logs", name)
            yield Served(name, client, health)
    finally:
        docker("rm", "--force", name)


def _client(port: int) -> httpx.Client:
    limits = httpx.Limits(max_connections=None)
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits)


def _is_ready(health: httpx.Client) -> bool:
    try:
        return health.get("/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
