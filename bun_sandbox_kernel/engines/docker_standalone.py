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


def last_lines(name: str, lines: int) -> str:
    """Return the end of the container's log."""
    with translated():
        return package_client().logs(name, tail=lines).decode("utf-8", "replace")


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
