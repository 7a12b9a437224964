"""An engine that is not on a socket of this machine, by the ``docker`` package; all that is rare goes by it too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ..errors import EngineUnavailable, StartFailed
from . import Stats
from .docker_answers import stats_of
from .docker_api import ANSWER_SECONDS, Found, ImageMissing, gone, refused, unavailable, with_every_limit

if TYPE_CHECKING:
    from docker.api import APIClient


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
        return with_every_limit(self, answer) if wholly else str(answer["Id"])

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
        if answer.status_code != HTTPStatus.OK:
            raise refused(answer.json().get("message", ""), f" ({answer.status_code})")

    def list(self, label: str) -> list[Found]:
        """See Api."""
        with translated():
            found = self._client.containers(all=True, filters={"label": label})
        return [Found.of(container) for container in found]

    def stats(self, container: str) -> Stats:
        """See Api."""
        return stats_of(self._of_living(lambda: self._client.stats(container, stream=False, one_shot=True)))

    def logs(self, container: str, lines: int) -> str:
        """See Api."""
        return str(self._of_living(lambda: self._client.logs(container, tail=lines)).decode("utf-8", "replace"))

    def ask(self, method: str, path: str, *, seconds: int = ANSWER_SECONDS) -> tuple[int, Any]:
        """See Api."""
        client = self._client
        with translated():
            url = f"{client.base_url}/v{client.api_version}{path}"
            answer = client.request(method, url, timeout=seconds)
        return answer.status_code, answer.json() if answer.content else {}

    def _of_living(self, ask: Callable[[], Any]) -> Any:
        import docker.errors

        with translated():
            try:
                return ask()
            except docker.errors.NotFound as error:
                raise gone() from error


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
            raise refused(str(error.explanation or error)) from error
        if isinstance(error, docker.errors.DockerException | requests.exceptions.RequestException):
            raise unavailable(error) from error
