"""What the engine knows of a container that was started by hand, by the ``docker`` package.

Each raises EngineUnavailable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import docker.errors

from .docker_package import package_client, translated


def describe(name: str) -> Mapping[str, Any] | None:
    """Return the engine's description of the container; None where there is none."""
    with translated():
        try:
            described: Mapping[str, Any] = package_client().inspect_container(name)
        except docker.errors.NotFound:
            return None
    return described


def last_lines(name: str, lines: int, since_s: float) -> tuple[str, str]:
    """Return the end of standard output and of standard error, of what came ``since_s`` seconds after the epoch."""
    # The package takes no time before the epoch, which is when a container that never started began.
    since = max(since_s, 1.0)
    with translated():
        client = package_client()
        out = client.logs(name, stderr=False, tail=lines, since=since)
        err = client.logs(name, stdout=False, tail=lines, since=since)
    return out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def published() -> dict[int, str]:
    """Return which container has which TCP port of the machine."""
    with translated():
        running = package_client().containers()
    return {
        port["PublicPort"]: container["Names"][0].removeprefix("/")
        for container in running
        for port in container["Ports"]
        if "PublicPort" in port and port.get("Type") == "tcp"
    }
