"""Sandboxes by the Docker Engine API; podman speaks it too.

Law: a sandbox carries its owner in its labels, so whoever comes later can tell an orphan.
"""

from __future__ import annotations

import http.client
import os
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import __version__, image
from ..errors import SandboxDied, StartFailed
from ..owner import Owner
from ..policy import SandboxPolicy
from ..ready import wait_until_ready
from . import Endpoint, EngineInfo, Measured, Report, Stats, Tcp, Unix, docker_volumes, socket_folder
from .docker_answers import image_of
from .docker_api import Api, Found, ImageMissing, connect, gone
from .docker_package import package_client, translated
from .docker_spec import LABEL, NETWORK, NETWORK_OPTIONS, PORTS, container_spec, resources, volume_of
from .socket_folder import SocketFolder

_LAST_WORDS_SECONDS = 2.0
_MEASURED_AT_ONCE = 64
"""An engine that measures each second takes that long for one of them."""
_abandoned: set[str] = set()
"""Launches of this process that are over: an engine that hung does later what it was asked for long before."""


class DockerSandbox:
    """One container. ``stop`` may be called again, and from any thread."""

    def __init__(
        self,
        api: Api,
        container: str,
        endpoint: Endpoint,
        *,
        launch: str,
        secret: str,
        folder: SocketFolder | None,
        volume: str,
    ) -> None:
        """Take over a running container; ``volume`` goes with it, unless it is empty."""
        self.id = container
        self.endpoint = endpoint
        self.secret = secret
        self._api = api
        self._launch = launch
        self._folder = folder
        self._volume = volume

    def limit(self, policy: SandboxPolicy) -> None:
        """Change what the engine can change while a container runs. Raises EngineUnavailable and StartFailed."""
        self._api.update(self.id, resources(policy))

    def stats(self) -> Stats:
        """See Sandbox."""
        return self._api.stats(self.id)

    def image(self) -> str:
        """See Sandbox."""
        status, container = self._api.ask("GET", f"/containers/{self.id}/json")
        if status == http.client.NOT_FOUND:
            raise gone()
        _, image = self._api.ask("GET", f"/images/{container['Image']}/json")
        return image_of(container, image)

    def logs(self, lines: int) -> str:
        """See Sandbox."""
        return self._api.logs(self.id, lines)

    def stop(self) -> None:
        """Let go of the socket, then kill and remove the container: an engine that hangs holds up nothing else."""
        _abandoned.add(self._launch)
        _discard(self._folder)
        self._api.remove(self.id)
        if self._volume:
            docker_volumes.remove(self._api, self._volume)


class DockerEngine:
    """The engine that ``DOCKER_HOST`` names, or the one of this machine."""

    name = "docker"

    def check(self) -> EngineInfo:
        """Ask for versions. Raises EngineUnavailable."""
        client = package_client()
        with translated():
            versions = client.version()
        components = {part["Name"]: part.get("Version", "?") for part in versions.get("Components", [])}
        return EngineInfo("Docker", versions["Version"], components, client.base_url)

    def limits(self) -> Mapping[str, Any]:
        """Return the engine's answer to ``GET /info``, which says what it can limit. Raises EngineUnavailable."""
        client = package_client()
        with translated():
            info: Mapping[str, Any] = client.info()
        return info

    def start(self, policy: SandboxPolicy, report: Report, packages_of: str = "") -> DockerSandbox:
        """Start a container that answers. Raises PolicyError, EngineUnavailable, ImageError or StartFailed."""
        api = connect()
        volume = docker_volumes.of(api, packages_of) if packages_of else ""
        launch, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        own = "" if volume or policy.packages == "off" else volume_of(launch)
        folder = SocketFolder() if _shares_sockets(policy) else None
        container = ""
        try:
            spec = container_spec(
                policy,
                image_name=image.reference(policy),
                owner=Owner.current(),
                launch=launch,
                secret=secret,
                folder=None if folder is None else folder.mounted,
                notebook=Path.cwd(),
                volume=volume,
            )
            if folder is None:
                _ensure_network()
            wholly = not policy.allow_missing
            try:
                container = api.create(spec, wholly=wholly)
            except ImageMissing:
                self.ensure_image(report, policy)
                container = api.create(spec, wholly=wholly)
            api.start(container)
            endpoint = _ports(container) if folder is None else Unix(folder.socket)
            wait_until_ready(endpoint, lambda: api.is_running(container))
            if folder is not None:
                endpoint = Unix(folder.seal())
        except BaseException as error:
            _abandoned.add(launch)
            if container:
                api.remove(container)
            _discard(folder)
            if own:
                docker_volumes.remove(api, own)
            if isinstance(error, TimeoutError):
                raise _explained(spec) from error
            raise
        return DockerSandbox(api, container, endpoint, launch=launch, secret=secret, folder=folder, volume=own)

    def dry_run(self, policy: SandboxPolicy) -> Mapping[str, Any]:
        """Return the body that ``start`` would send; what it would make up stands in braces."""
        folder = None if policy.transport == "tcp" else Path("{private folder}")
        return container_spec(
            policy,
            image_name=image.reference(policy),
            owner=Owner.current(),
            launch="{launch}",
            secret="{secret}",
            folder=folder,
            notebook=Path.cwd(),
        )

    def reap(self) -> list[str]:
        """Remove what belongs to kernels that are gone, and what this one has ended; return the ids of containers."""
        api = connect()
        removed = []
        for found in api.list(LABEL):
            if _is_over(found):
                api.remove(found.id)
                removed.append(found.id[:12])
        for found in docker_volumes.find(api, LABEL):
            if _is_over(found):
                docker_volumes.remove(api, found.id)
        socket_folder.reap()
        return removed

    def measure(self) -> list[Measured]:
        """See Engine."""
        api = connect()
        with ThreadPoolExecutor(_MEASURED_AT_ONCE) as readers:
            read = readers.map(lambda found: _measured(api, found), api.list(LABEL))
            return [measured for measured in read if measured is not None]

    def ensure_image(self, report: Report, policy: SandboxPolicy | None = None, *, rebuild: bool = False) -> str:
        """Return the image's name, built first where it is missing. Raises EngineUnavailable or ImageError."""
        from . import docker_image

        return docker_image.ensure(package_client(), report, policy or SandboxPolicy(), rebuild=rebuild)

    def inspect_image(self, policy: SandboxPolicy | None = None) -> Mapping[str, Any]:
        """Return the engine's description of the image. Raises ImageError when it is not there."""
        from . import docker_image

        return docker_image.inspect(package_client(), image.reference(policy))


def owner_of(found: Found) -> Owner:
    """Return the process that the labels of a container or a volume name as its owner."""
    return Owner.from_labels({name.removeprefix(f"{LABEL}."): value for name, value in found.labels.items()})


def _measured(api: Api, found: Found) -> Measured | None:
    with suppress(SandboxDied):
        stats, owner = api.stats(found.id), owner_of(found)
        return Measured(found.id[:12], found.image, found.labels[LABEL], owner.pid, found.created_s, stats)
    return None


def _is_over(found: Found) -> bool:
    return owner_of(found).is_gone() or found.labels.get(f"{LABEL}.launch") in _abandoned


def _discard(folder: SocketFolder | None) -> None:
    if folder is not None:
        folder.discard()


def _shares_sockets(policy: SandboxPolicy) -> bool:
    """Say whether a socket made inside can be reached from here: the same Linux, not a virtual machine."""
    if policy.transport != "auto":
        return policy.transport == "unix"
    return os.uname().sysname == "Linux" and os.environ.get("DOCKER_HOST", "unix://").startswith("unix://")


def _ports(container: str) -> Endpoint:
    client = package_client()
    with translated():
        ports = client.inspect_container(container)["NetworkSettings"]["Ports"]
    port, health_port = (int(ports[name][0]["HostPort"]) for name in PORTS)
    return Tcp("127.0.0.1", port, health_port)


def _ensure_network() -> None:
    client = package_client()
    with translated():
        if any(found["Name"] == NETWORK for found in client.networks(names=[NETWORK])):
            return
        client.create_network(NETWORK, driver="bridge", labels={LABEL: __version__}, options=NETWORK_OPTIONS)


def _explained(spec: Mapping[str, Any]) -> StartFailed:
    """Start it once more and keep it, to read what it says when it ends."""
    client = package_client()
    host = {**spec["HostConfig"], "AutoRemove": False, "Binds": [], "PortBindings": {}}
    with translated():
        container = client.create_container_from_config({**spec, "HostConfig": host})["Id"]
        try:
            client.start(container)
            time.sleep(_LAST_WORDS_SECONDS)
            said = client.logs(container, tail=20).decode("utf-8", "replace").strip() or "nothing"
        finally:
            client.remove_container(container, force=True, v=True)
    return StartFailed(f"The sandbox did not come up; it said: {said[-2000:]}.", "Run `bun-sandbox doctor`.")
