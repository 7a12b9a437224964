"""Where a sandbox's packages lie: a volume of its own, read-only to it, that an installer's sandbox fills.

Law: a volume goes with the sandbox that it was made for. It carries the same labels, so that one whose kernel was
killed is told by them.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from ..errors import EngineUnavailable, StartFailed
from .docker_api import Api, Found

FOLDER = "/sandbox"
"""Inside. The engine fills a new volume with what the image holds there, owners and all."""
CACHE_FOLDER = "/var/cache/bun"
_REMOVAL_SECONDS = 5
_PAUSE = 0.02


def own(name: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return ``HostConfig.Mounts`` of a sandbox; the engine makes the volume with it."""
    return [_mount(FOLDER, name, labels, read_only=True)]


def of_installer(volume: str, label: str) -> list[dict[str, Any]]:
    """Return ``HostConfig.Mounts`` of an installer: another sandbox's volume, and the cache of what was downloaded.

    There is one cache for each user of the machine, so that nobody runs what the packages of another have left there.
    """
    return [_mount(FOLDER, volume, {}), _mount(CACHE_FOLDER, f"bun-sandbox-cache-{os.getuid()}", {label: "cache"})]


def _mount(target: str, name: str, labels: Mapping[str, str], *, read_only: bool = False) -> dict[str, Any]:
    options = {"Labels": dict(labels)}
    return {"Type": "volume", "Target": target, "Source": name, "ReadOnly": read_only, "VolumeOptions": options}


def of(api: Api, container: str) -> str:
    """Return the name of a container's volume. Raises EngineUnavailable and StartFailed."""
    _, answer = api.ask("GET", f"/containers/{container}/json")
    for mount in answer.get("Mounts") or ():
        if mount["Type"] == "volume" and mount["Destination"] == FOLDER:
            return str(mount["Name"])
    raise StartFailed("The sandbox has no place for packages.", "Restart the kernel.")


def find(api: Api, label: str) -> list[Found]:
    """Return all volumes with the label. Raises EngineUnavailable."""
    _, answer = api.ask("GET", f"/volumes?filters={quote(json.dumps({'label': [label]}))}")
    return [Found(volume["Name"], volume["Labels"] or {}) for volume in answer.get("Volumes") or ()]


def remove(api: Api, volume: str) -> None:
    """Remove the volume as soon as no container has it; one that is kept for 5 s is left to the reaper."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    path = f"/volumes/{volume}"
    with suppress(EngineUnavailable):
        while api.ask("DELETE", path, seconds=_REMOVAL_SECONDS)[0] == http.client.CONFLICT:
            if time.monotonic() > deadline:
                return
            time.sleep(_PAUSE)
