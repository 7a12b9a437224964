"""The six calls of the Docker Engine API that a kernel makes while it lives (API 1.41 and later).

Importing the ``docker`` package takes 0.1 s and 15 MB, which every kernel would pay at every start. So an engine on a
local socket, which is nearly every one, is spoken to with the standard library; any other through the package, which
also does all that is rare: building, pulling, explaining.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from urllib.parse import quote

from ..errors import EngineUnavailable, StartFailed

if TYPE_CHECKING:
    from docker.api import APIClient

DEFAULT_HOST = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 30
"""Seconds that the engine may take for one answer."""
REMOVE_SECONDS = 10
"""As long is waited for a removal: a sandbox whose line is closed ends by itself too."""
ENABLE_LIMITS = (
    "Enable the cgroup controllers and seccomp in the machine's kernel (Debian: cgroup_enable=memory swapaccount=1 on "
    "its command line)."
)
"""What to do where a limit cannot be applied."""


class Found(NamedTuple):
    """A container with our label."""

    id: str
    labels: Mapping[str, str]


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

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """Make a call that has no method here; return the status, and what the answer holds."""


def connect() -> Api:
    """Return the way to the engine that ``DOCKER_HOST`` names, or to the one of this machine."""
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    return SocketApi(host.removeprefix("unix://")) if host.startswith("unix://") else PackageApi(package_client())


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
        return _with_every_limit(self, created) if wholly else str(created["Id"])

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
        return [Found(container["Id"], container["Labels"]) for container in cast("list[Any]", answer)]

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """See Api."""
        return self._ask(method, path)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: int = ANSWER_SECONDS
    ) -> tuple[int, Any]:
        connection = _UnixConnection(self._path, seconds)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
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


def _expect(status: int, answer: Any, wanted: int) -> Any:
    if status == wanted:
        return answer
    message = answer.get("message") if isinstance(answer, dict) else None
    raise _refused(str(message), f" ({status})")


def _refused(said: str, status: str = "") -> StartFailed:
    remedy = remedy_for(said, "Run `bun-sandbox doctor` to see why.")
    return StartFailed(f"The engine refused{status}: {said[:1000].rstrip('.')}.", remedy)


def _with_every_limit(api: Api, answer: Mapping[str, Any]) -> str:
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


class PackageApi:
    """An engine elsewhere, by the ``docker`` package."""

    def __init__(self, client: APIClient) -> None:
        self._client = client

    def create(self, spec: Mapping[str, Any], *, wholly: bool = True) -> str:
        """See Api."""
        import docker.errors

        with translated():
            try:
                answer = self._client.create_container_from_config(spec)
            except docker.errors.ImageNotFound as error:
                raise ImageMissing from error
        return _with_every_limit(self, answer) if wholly else str(answer["Id"])

    def start(self, container: str) -> None:
        """See Api."""
        with translated():
            self._client.start(container)

    def is_running(self, container: str) -> bool:
        """See Api."""
        import docker.errors

        with translated():
            try:
                return bool(self._client.inspect_container(container)["State"]["Running"])
            except docker.errors.NotFound:
                return False

    def remove(self, container: str) -> None:
        """See Api."""
        with suppress(EngineUnavailable, StartFailed), translated():
            self._client.remove_container(container, force=True, v=True)

    def update(self, container: str, resources: Mapping[str, int]) -> None:
        """See Api."""
        client = self._client
        with translated():  # its own method knows neither processes nor billionths of a processor
            url = f"{client.base_url}/v{client.api_version}/containers/{container}/update"
            answer = client.post(url, json=dict(resources), timeout=ANSWER_SECONDS)
        if answer.status_code != http.client.OK:
            raise _refused(answer.json().get("message", ""), f" ({answer.status_code})")

    def list(self, label: str) -> list[Found]:
        """See Api."""
        with translated():
            found = self._client.containers(all=True, filters={"label": label})
        return [Found(container["Id"], container["Labels"]) for container in found]

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """See Api."""
        client = self._client
        with translated():
            url = f"{client.base_url}/v{client.api_version}{path}"
            answer = client.request(method, url, timeout=ANSWER_SECONDS)
        return answer.status_code, answer.json() if answer.content else {}


def package_client() -> APIClient:
    """Return the ``docker`` package's client. Raises EngineUnavailable."""
    import docker.errors
    import requests.exceptions

    import docker

    try:
        return docker.from_env(version="auto", timeout=ANSWER_SECONDS).api
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise unavailable(error) from error


class translated:  # noqa: N801  (reads as a verb where it is used, like contextlib's own)
    """Make the package's exceptions ours."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Raise ours in place of the package's."""
        import docker.errors
        import requests.exceptions

        if isinstance(error, docker.errors.APIError):
            _raise_refused(error)
        if isinstance(error, docker.errors.DockerException | requests.exceptions.RequestException):
            raise unavailable(error) from error


def _raise_refused(error: Any) -> None:
    raise _refused(str(error.explanation or error)) from error


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
    return EngineUnavailable(
        f"No Docker engine answers at {host}.",
        "Install and start one (Debian and Ubuntu: `apt-get install docker.io`), then run the cell again.",
    )
