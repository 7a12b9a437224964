"""Where a sandbox's packages lie: a volume of its own, read-only to it, that an installer's sandbox fills.

Law: a volume goes with the last container that has it. It has no name of ours, so the engine itself removes it with
its sandbox (``AutoRemove``), whatever becomes of the kernel; an installer that leaves last removes it by ``stop``.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from ..errors import EngineUnavailable, StartFailed
from .docker_api import Api, Found

FOLDER = "/sandbox"
"""Inside. The engine fills a new volume with what the image holds there, owners and all."""
CACHE_FOLDER = "/var/cache/bun"


def mounts(labels: Mapping[str, str], label: str, volume: str) -> list[dict[str, Any]]:
    """Return ``HostConfig.Mounts``: a new volume that cannot be written to, or another sandbox's with the cache."""
    if not volume:
        return [_volume(FOLDER, "", labels, read_only=True)]
    # One for each user of the machine: what one user's installers leave is not run by another.
    cache = f"bun-sandbox-cache-{os.getuid()}"
    return [_volume(FOLDER, volume, {}), _volume(CACHE_FOLDER, cache, {label: "cache"})]


def _volume(target: str, name: str, labels: Mapping[str, str], *, read_only: bool = False) -> dict[str, Any]:
    named = {"Source": name} if name else {}
    options = {"Labels": dict(labels)}
    return {"Type": "volume", "Target": target, **named, "ReadOnly": read_only, "VolumeOptions": options}


def of(api: Api, container: str) -> str:
    """Return the name of a container's volume. Raises EngineUnavailable and StartFailed."""
    _, answer = api.ask("GET", f"/containers/{container}/json")
    for mount in answer.get("Mounts") or ():
        if mount["Type"] == "volume" and mount["Destination"] == FOLDER:
            return str(mount["Name"])
    raise StartFailed("The sandbox has no place for packages.", "Restart the kernel.")


def list_all(api: Api, label: str) -> list[Found]:
    """Return all volumes with the label. Raises EngineUnavailable."""
    _, answer = api.ask("GET", f"/volumes?filters={quote(json.dumps({'label': [label]}))}")
    return [Found(volume["Name"], volume["Labels"] or {}) for volume in answer.get("Volumes") or ()]


def remove_unused(api: Api, volume: str) -> bool:
    """Remove the volume unless a container has it, and say whether it was removed."""
    with suppress(EngineUnavailable):
        return api.ask("DELETE", f"/volumes/{volume}")[0] == http.client.NO_CONTENT
    return False
