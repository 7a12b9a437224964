"""The eight calls of the Docker Engine API that a kernel makes while it lives (API 1.41 and later).

Importing the ``docker`` package takes 0.1 s and 15 MB, which every kernel would pay at every start. So an engine on a
local socket, which is nearly every one, is spoken to with the standard library; any other through the package
(docker_package.py), which also does all that is rare: building, pulling, explaining.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import quote

from ..errors import EngineUnavailable, SandboxDied, StartFailed
from . import Stats
from .docker_answers import log_text, stats_of

DEFAULT_HOST = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 30
"""Seconds that the engine may take for one answer."""
STATS_SECONDS = 5
"""An engine that measures each second lets a single reading wait for the next one."""
REMOVE_SECONDS = 10
"""As long is waited for a removal: a sandbox whose line is closed ends by itself too."""
ENABLE_LIMITS = (
    "Enable the cgroup controllers and seccomp in the machine's kernel (Debian: cgroup_enable=memory swapaccount=1 on "
    "its command line)."
)
"""What to do where a limit cannot be applied."""


class Found(NamedTuple):
    """A container or a volume with our label; the last two are told of containers alone."""

    id: str
    labels: Mapping[str, str]
    image: str = ""
    created_s: int = 0
    """Seconds since the epoch."""

    @classmethod
    def of(cls, container: Mapping[str, Any]) -> Found:
        """Return a row of the answer to ``GET /containers/json``."""
        return cls(container["Id"], container["Labels"], container["Image"], container["Created"])


class ImageMissing(Exception):
    """The engine has no such image; it can be built."""


class Api(Protocol):
    """What a kernel asks of an engine. Every call raises EngineUnavailable or StartFailed."""

    def create(self, spec: Mapping[str, Any], *, wholly: bool = True) -> str:
        """Create a container, with every limit unless not ``wholly``, and return its id. Raises ImageMissing."""

    def start(self, container: str) -> None:
        """Start a created container."""

    def is_running(self, container: str) -> bool:
        """Say whether the container runs; False when it is gone."""

    def remove(self, container: str) -> None:
        """Kill and remove the container; nothing happens when it is gone."""

    def update(self, container: str, resources: Mapping[str, int]) -> None:
        """Change the limits of a running container."""

    def list(self, label: str) -> list[Found]:
        """Return all containers with the label, running or not."""

    def stats(self, container: str) -> Stats:
        """Return one reading. Raises SandboxDied when the container is gone."""

    def logs(self, container: str, lines: int) -> str:
        """Return the last lines of the log. Raises SandboxDied when the container is gone."""

    def ask(self, method: str, path: str, *, seconds: int = ANSWER_SECONDS) -> tuple[int, Any]:
        """Make a call that has no method here; return the status, and what the answer holds."""


def connect() -> Api:
    """Return the way to the engine that ``DOCKER_HOST`` names, or to the one of this machine."""
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    if host.startswith("unix://"):
        return SocketApi(host.removeprefix("unix://"))
    from .docker_package import PackageApi, package_client

    return PackageApi(package_client())


class SocketApi:
    """An engine on a Unix socket of this machine."""

    def __init__(self, path: str) -> None:
        self._path = path

    def create(self, spec: Mapping[str, Any], *, wholly: bool = True) -> str:
        """See Api."""
        status, answer = self._ask("POST", "/containers/create", spec)
        if status == http.client.NOT_FOUND:
            raise ImageMissing
        created = _expect(status, answer, http.client.CREATED)
        return with_every_limit(self, created) if wholly else str(created["Id"])

    def start(self, container: str) -> None:
        """See Api."""
        _expect(*self._ask("POST", f"/containers/{container}/start"), http.client.NO_CONTENT)

    def is_running(self, container: str) -> bool:
        """See Api."""
        status, answer = self._ask("GET", f"/containers/{container}/json")
        return status == http.client.OK and bool(answer["State"]["Running"])

    def remove(self, container: str) -> None:
        """See Api."""
        with suppress(EngineUnavailable):
            self._ask("DELETE", f"/containers/{container}?force=1&v=1", seconds=REMOVE_SECONDS)

    def update(self, container: str, resources: Mapping[str, int]) -> None:
        """See Api."""
        _expect(*self._ask("POST", f"/containers/{container}/update", resources), http.client.OK)

    def list(self, label: str) -> list[Found]:
        """See Api."""
        filters = quote(json.dumps({"label": [label]}))
        answer = _expect(*self._ask("GET", f"/containers/json?all=1&filters={filters}"), http.client.OK)
        return [Found.of(container) for container in cast("list[Any]", answer)]

    def stats(self, container: str) -> Stats:
        """See Api."""
        path = f"/containers/{container}/stats?stream=false&one-shot=true"
        return stats_of(_expect(*_living(*self._ask("GET", path, seconds=STATS_SECONDS)), http.client.OK))

    def logs(self, container: str, lines: int) -> str:
        """See Api."""
        status, content = self._fetch("GET", f"/containers/{container}/logs?stdout=1&stderr=1&tail={lines}")
        if status == http.client.OK:
            return log_text(content)
        return str(_expect(*_living(status, _json(content)), http.client.OK))

    def ask(self, method: str, path: str, *, seconds: int = ANSWER_SECONDS) -> tuple[int, Any]:
        """See Api."""
        return self._ask(method, path, seconds=seconds)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: int = ANSWER_SECONDS
    ) -> tuple[int, Any]:
        status, content = self._fetch(method, path, body, seconds=seconds)
        return status, _json(content)

    def _fetch(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: int = ANSWER_SECONDS
    ) -> tuple[int, bytes]:
        connection = _UnixConnection(self._path, seconds)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise unavailable(error) from error
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: int) -> None:
        super().__init__("docker", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else {}
    except ValueError as error:
        raise unavailable(error) from error


def _living(status: int, answer: Any) -> tuple[int, Any]:
    if status == http.client.NOT_FOUND:
        raise gone()
    return status, answer


def gone() -> SandboxDied:
    """Return the error for a container that is not there."""
    return SandboxDied("The engine no longer has the sandbox.")


def _expect(status: int, answer: Any, wanted: int) -> Any:
    if status == wanted:
        return answer
    message = answer.get("message") if isinstance(answer, dict) else None
    raise refused(str(message), f" ({status})")


def refused(said: str, status: str = "") -> StartFailed:
    """Return the error for what the engine did not do."""
    remedy = remedy_for(said, "Run `bun-sandbox doctor` to see why.")
    return StartFailed(f"The engine refused{status}: {said[:1000].rstrip('.')}.", remedy)


def with_every_limit(api: Api, answer: Mapping[str, Any]) -> str:
    """Return the id of a new container, or remove it again. Raises StartFailed."""
    container = str(answer["Id"])
    error = limits_left_out(answer.get("Warnings") or ())
    if error is not None:
        api.remove(container)
        raise error
    return container


def limits_left_out(warnings: Sequence[str]) -> StartFailed | None:
    """Return the error for those of the engine's warnings that take a limit away; None where none does.

    The engine drops what it cannot apply, creates the container all the same, and says so in these words.
    """
    lost = [warning for warning in warnings if "does not support" in warning or "discarded" in warning]
    if not lost:
        return None
    return StartFailed(f"The engine cannot apply a limit: {' '.join(lost)[:1000].rstrip('.')}.", ENABLE_LIMITS)


def remedy_for(said: str, otherwise: str) -> str:
    """Return what to do about what the engine said: free its disk where that is full."""
    if "no space left on device" not in said.lower():
        return otherwise
    return (
        "Free space on the engine's disk (`docker system df` shows what takes it, `docker system prune` removes what "
        "is unused), then try again."
    )


def unavailable(error: BaseException) -> EngineUnavailable:
    """Return the error that says why nobody answers, and what to do about it."""
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    if isinstance(error, PermissionError) or "PermissionError" in str(error):
        return EngineUnavailable(
            f"The Docker engine at {host} does not let this user in.",
            "Add the user to the group docker, or set DOCKER_HOST to a rootless engine.",
        )
    if isinstance(error, TimeoutError):
        return EngineUnavailable(
            f"The Docker engine at {host} did not answer within {ANSWER_SECONDS} s.", "Restart it, then try again."
        )
    remedy = "Install and start one (Debian and Ubuntu: `apt-get install docker.io`), then try again."
    if host != DEFAULT_HOST:
        remedy = (
            f'DOCKER_HOST is "{host}": start the engine there, give the address of another (unix:///PATH or '
            f"tcp://HOST:PORT), or unset it to use {DEFAULT_HOST}."
        )
    return EngineUnavailable(f"No Docker engine answers at {host}.", remedy)
