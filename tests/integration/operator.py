"""The container `bun-sandbox` as an operator has it: the commands are run as they are written, in docker/."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bun_sandbox_kernel import selfcheck, standalone
from bun_sandbox_kernel.engines import docker_standalone
from bun_sandbox_kernel.fields import Fields
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conftest import absent, eventually

DOCKER = Path(__file__).parents[2] / "docker"
NAME = "bun-sandbox"
Done = subprocess.CompletedProcess[str]


def sh(command: str, *, folder: Path = DOCKER, **environment: str) -> Done:
    """Run a line of the shell; what it prints and its status are in the answer."""
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False, timeout=240,
    )  # fmt: skip


def lawful(command: str, *, folder: Path = DOCKER, **environment: str) -> str:
    """Run a line of the shell that has to succeed; return what it prints."""
    done = sh(command, folder=folder, **environment)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def compose() -> str:
    """Return the compose that this machine has."""
    if sh("docker compose version").returncode == 0:
        return "docker compose"
    if shutil.which("docker-compose") is None:
        absent("there is no docker compose; scripts/compose.sh installs one")
    return "docker-compose"


def inspect() -> Any:
    """Return the engine's description of the container."""
    return json.loads(lawful(f"docker container inspect {NAME}"))[0]


def health() -> dict[str, Any] | None:
    """Return the answer of `GET /health`, or None where nobody answers well."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:9999/health", timeout=5) as answer:
            return dict(json.load(answer))
    except (OSError, ValueError):
        return None


def await_health() -> dict[str, Any]:
    """Return the health of a container on its way up."""
    assert eventually(lambda: health() is not None), sh(f"docker logs {NAME}").stdout
    found = health()
    assert found is not None
    return found


def execute(code: str, **headers: str) -> dict[str, Any]:
    """POST the code, as a person with curl does."""
    request = urllib.request.Request(
        "http://127.0.0.1:9998/execute",
        json.dumps({"code": code}).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


def self_check() -> Mapping[str, Any]:
    """Return what the first process finds around itself."""
    with urllib.request.urlopen("http://127.0.0.1:9998/self_check", timeout=10) as answer:
        return dict(json.load(answer))


def broken() -> list[selfcheck.Line]:
    """Return what of the policy does not hold inside, by what the container itself finds."""
    policy = replace(SandboxPolicy(), uid=10002)
    return [line for line in selfcheck.judge(Fields(self_check()), policy, private=False) if not line.holds]


def require_ports() -> None:
    """Wait until the ports are free, and fail where somebody keeps them."""
    assert docker_standalone.describe(NAME) is None, f"there is a container {NAME} already; remove it first"
    free = eventually(lambda: not standalone.holders(docker_standalone.published()), 120)
    assert free, f"the ports are taken: {standalone.holders(docker_standalone.published())}"


def remove() -> None:
    """Remove whatever a test may have left, its networks and volumes too."""
    sh(f"docker rm --force --volumes {NAME}")
    for network in ("bun-sandbox-isolated", "bun-sandbox-none", "docker_proxied"):
        sh(f"docker network rm {network}")
    sh("docker volume rm bun-sandbox-socket")
