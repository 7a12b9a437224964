"""Pure: what the Docker Engine API answers about a container → ours.

``GET /containers/{id}/stats`` hands on the numbers of the machine's control groups, whose names differ between
cgroup v1 and v2: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and
https://docs.kernel.org/admin-guide/cgroup-v2.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..errors import EngineError, SandboxDied
from . import Stats

_UNLIMITED = 1 << 60
"""Control groups without a limit say numbers above this one."""
_FRAME_HEADER_BYTES = 8
"""Stream, three zeros, and the length in 4 bytes: https://docs.docker.com/reference/api/engine/version/v1.41/."""


def stats_of(answer: Mapping[str, Any]) -> Stats:
    """Return the reading. Raises SandboxDied for a container that has stopped, and EngineError for what is none."""
    try:
        if not answer["memory_stats"].get("usage"):
            raise SandboxDied("The sandbox has ended.")
        return _stats(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(f"The engine's figures cannot be read ({error!r}).", "Update the engine.") from error


def _stats(answer: Mapping[str, Any]) -> Stats:
    cpu, memory, pids = answer["cpu_stats"], answer["memory_stats"], answer["pids_stats"]
    throttling = cpu.get("throttling_data") or {}
    networks = answer.get("networks")
    made_of = memory.get("stats") or {}
    idle_file_bytes = made_of.get("total_inactive_file", made_of.get("inactive_file", 0))
    memory_bytes = memory["usage"] - idle_file_bytes
    anonymous, shared, file = _parts(made_of)
    known = anonymous is not None and shared is not None and file is not None
    return Stats(
        read_at_s=datetime.fromisoformat(answer["read"]).timestamp(),
        cpu_ns=cpu["cpu_usage"]["total_usage"],
        periods=throttling.get("periods", 0),
        throttled_periods=throttling.get("throttled_periods", 0),
        throttled_ns=throttling.get("throttled_time", 0),
        memory_bytes=memory_bytes,
        anonymous_bytes=anonymous,
        shared_bytes=shared,
        file_bytes=file,
        kernel_bytes=max(0, memory_bytes - anonymous - shared - file) if known else None,
        memory_limit_bytes=_limit(memory.get("limit")),
        memory_peak_bytes=memory.get("max_usage") or None,
        pids=pids.get("current", 0),
        pids_limit=_limit(pids.get("limit")),
        received_bytes=None if networks is None else sum(one["rx_bytes"] for one in networks.values()),
        sent_bytes=None if networks is None else sum(one["tx_bytes"] for one in networks.values()),
    )


def _parts(made_of: Mapping[str, int]) -> tuple[int | None, int | None, int | None]:
    """Return anonymous memory, shared memory and the page cache that is in use."""
    if "anon" in made_of:
        return made_of["anon"], made_of.get("shmem"), made_of.get("active_file")
    if "total_rss" in made_of:
        # Docker leaves shared memory out here. It is what of the cache belongs to no file on a disk.
        files = made_of["total_active_file"] + made_of["total_inactive_file"]
        return made_of["total_rss"], max(0, made_of["total_cache"] - files), made_of["total_active_file"]
    return None, None, None


def _limit(value: int | None) -> int | None:
    return None if not value or value > _UNLIMITED else value


def image_of(container: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    """Name an image by what the engine says of it and of a container that runs it.

    The digest is a registry's where the image has come from one or gone to one, else the image's id: both tell images
    apart by what they hold.
    """
    digest = next(iter(image.get("RepoDigests") or ()), container["Image"]).rpartition("sha256:")[2]
    return f"{container['Config']['Image']} (sha256:{digest[:12]})"


def log_text(frames: bytes) -> str:
    """Return the text of a log, whose two streams come in frames."""
    text, position = b"", 0
    while position + _FRAME_HEADER_BYTES <= len(frames):
        begin = position + _FRAME_HEADER_BYTES
        position = begin + int.from_bytes(frames[begin - 4 : begin])
        text += frames[begin:position]
    return text.decode("utf-8", "replace")
