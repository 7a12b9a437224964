"""Sandboxes by the Docker Engine API; podman speaks it too.

``container_spec`` is pure: the policy → the body of ``POST /containers/create``. The rest is the edge around it.
Law: a sandbox carries its owner in its labels, so whoever comes later can tell an orphan.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests.exceptions
from docker.api import APIClient

from .. import __version__, image
from ..errors import EngineUnavailable, ImageError, StartFailed
from ..owner import Owner
from ..policy import SandboxPolicy
from ..ready import wait_until_ready
from . import Endpoint, EngineInfo, Progress, Report, Tcp, Unix

LABEL = "io.bun-sandbox"
SOCKET_FOLDER = "/run/bun-sandbox"
"""Where the private folder with the socket is mounted, inside."""
NETWORK = "bun-sandbox"
"""A bridge without a way out, for engines whose sockets we cannot share."""
_PORTS = ("9998/tcp", "9999/tcp")
_API_TIMEOUT = 30
"""Seconds that the engine may take for one answer."""


def container_spec(
    policy: SandboxPolicy, *, image_name: str, owner: Owner, secret: str, folder: Path | None
) -> dict[str, Any]:
    """Return the body of ``POST /containers/create`` (Docker Engine API 1.41).

    With a folder the supervisor listens on a socket in it and there is no network; without one it listens on two
    loopback ports that the engine chooses.
    """
    environment = {
        "BUN_SANDBOX_SECRET": secret,
        "BUN_SANDBOX_LIFELINE": "1",
        "MAX_EXECUTION_TIME": str(policy.max_execution_ms),
        "MAX_MEMORY": str(policy.memory_bytes),
        "MAX_OUTPUT": str(policy.max_output_bytes),
    }
    host: dict[str, Any] = {
        "AutoRemove": True,
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", f"seccomp={policy.seccomp()}"],
        "Memory": policy.memory_bytes,
        "MemorySwap": policy.memory_bytes,
        "NanoCpus": round(policy.cpus * 1e9),
        "PidsLimit": policy.pids,
        "OomScoreAdj": 500,
        "IpcMode": "private",
        "ShmSize": policy.shm_bytes,
        "Tmpfs": {
            "/tmp": _tmpfs(policy, policy.tmp_bytes, "1777"),
            "/sandbox/code": _tmpfs(policy, policy.code_bytes, "0755"),
            "/dev/shm": _tmpfs(policy, policy.shm_bytes, "1777"),
        },
        "Ulimits": [
            {"Name": "nofile", "Soft": policy.open_files, "Hard": policy.open_files},
            {"Name": "fsize", "Soft": policy.file_bytes, "Hard": policy.file_bytes},
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "msgqueue", "Soft": 0, "Hard": 0},
        ],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": str(policy.log_bytes), "max-file": "1"}},
        "RestartPolicy": {"Name": "no"},
    }
    spec: dict[str, Any] = {
        "Image": image_name,
        "Hostname": "sandbox",
        "User": f"{policy.uid}:{policy.uid}",
        "Labels": {LABEL: __version__, **{f"{LABEL}.{name}": value for name, value in owner.labels().items()}},
        "StopTimeout": 1,
        "HostConfig": host,
    }
    if folder is None:
        host["NetworkMode"] = NETWORK
        host["PortBindings"] = {port: [{"HostIp": "127.0.0.1", "HostPort": ""}] for port in _PORTS}
        spec["ExposedPorts"] = {port: {} for port in _PORTS}
    else:
        host["NetworkMode"] = "none"
        host["Binds"] = [f"{folder}:{SOCKET_FOLDER}:rw"]
        environment["BUN_SANDBOX_SOCKET"] = f"{SOCKET_FOLDER}/http.sock"
    spec["Env"] = [f"{name}={value}" for name, value in environment.items()]
    return spec


def _tmpfs(policy: SandboxPolicy, size: int, mode: str) -> str:
    owner = f"uid={policy.uid},gid={policy.uid}"
    return f"size={size},nr_inodes={policy.tmpfs_inodes},mode={mode},{owner},noexec,nosuid,nodev"


class DockerSandbox:
    """One container. ``stop`` may be called again, and from any thread."""

    def __init__(self, api: APIClient, container: str, endpoint: Endpoint, secret: str, folder: Path | None) -> None:
        self.id = container
        self.endpoint = endpoint
        self.secret = secret
        self._api = api
        self._folder = folder

    def logs(self, lines: int) -> str:
        """Return the supervisor's last words, empty when the container is gone."""
        with suppress(docker.errors.DockerException, requests.exceptions.RequestException):
            return self._api.logs(self.id, tail=lines).decode("utf-8", "replace")
        return ""

    def stop(self) -> None:
        """Kill and remove the container, and the private folder."""
        _remove(self._api, self.id)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class DockerEngine:
    """The engine that ``DOCKER_HOST`` names, or the one of this machine."""

    name = "docker"

    def __init__(self) -> None:
        self._client: APIClient | None = None

    def check(self) -> EngineInfo:
        """Ask for versions. Raises EngineUnavailable."""
        api = self._connect()
        with _translated(api):
            versions = api.version()
        components = {part["Name"]: part.get("Version", "?") for part in versions.get("Components", [])}
        return EngineInfo("Docker", versions["Version"], components, api.base_url)

    def start(self, policy: SandboxPolicy, report: Report) -> DockerSandbox:
        """Start a container that answers. Raises PolicyError, EngineUnavailable, ImageError or StartFailed."""
        seccomp_checked = policy.seccomp()
        assert seccomp_checked
        api = self._connect()
        with _translated(api):
            name = self.ensure_image(report)
            folder = _private_folder() if self._shares_sockets(policy) else None
            if folder is None:
                _ensure_network(api)
            secret = secrets.token_urlsafe(32)
            spec = container_spec(
                policy, image_name=name, owner=Owner.current(), secret=secret, folder=folder and folder / "run"
            )
            container = ""
            try:
                container = api.create_container_from_config(spec)["Id"]
                output = api.attach(container, stream=True, logs=True)
                api.start(container)
                endpoint = _endpoint(api, container, folder)
                wait_until_ready(endpoint, lambda: _is_running(api, container))
                if folder is not None:
                    # From here on nobody inside can enter the folder: not to fill the disk, not to swap the socket.
                    (folder / "run").chmod(0o700)
            except BaseException as error:
                if container:
                    _remove(api, container)
                if folder is not None:
                    shutil.rmtree(folder, ignore_errors=True)
                if isinstance(error, TimeoutError):
                    said = b"".join(output).decode("utf-8", "replace").strip()[-2000:] or "it said nothing"
                    raise StartFailed(
                        f"The sandbox did not come up: {said}.", "Run `bun-sandbox doctor` to see what is wrong."
                    ) from error
                raise
        return DockerSandbox(api, container, endpoint, secret, folder)

    def dry_run(self, policy: SandboxPolicy) -> Mapping[str, Any]:
        """Return the body that ``start`` would send, with the secret and the folder that it would make up left open."""
        folder = None if policy.transport == "tcp" else Path("{private folder}")
        return container_spec(
            policy, image_name=image.reference(), owner=Owner.current(), secret="{secret}", folder=folder
        )

    def reap(self) -> list[str]:
        """Remove the containers and folders of kernels that are gone; return the containers' ids."""
        api = self._connect()
        removed = []
        with _translated(api):
            for found in api.containers(all=True, filters={"label": LABEL}):
                labels = {name.removeprefix(f"{LABEL}."): value for name, value in found["Labels"].items()}
                if Owner.from_labels(labels).is_gone():
                    _remove(api, found["Id"])
                    removed.append(found["Id"][:12])
        for folder in Path(tempfile.gettempdir()).glob("bun-sandbox-*-*"):
            owner_pid = folder.name.split("-")[2]
            if owner_pid.isdigit() and not Path("/proc", owner_pid).exists():
                shutil.rmtree(folder, ignore_errors=True)
        return removed

    def has_image(self, name: str) -> bool:
        """Say whether an image is there."""
        return bool(self._connect().images(name, quiet=True))

    def inspect_image(self, name: str) -> Mapping[str, Any]:
        """Return the engine's description of the image. Raises ImageError when it is not there."""
        api = self._connect()
        with _translated(api):
            try:
                described: Mapping[str, Any] = api.inspect_image(name)
            except docker.errors.ImageNotFound as error:
                raise ImageError(f"There is no image {name}.", "Run `bun-sandbox image build`.") from error
            return described

    def ensure_image(self, report: Report, *, rebuild: bool = False) -> str:
        """Return the name of the image that belongs to this package, built first where it is missing."""
        name = image.reference()
        if self.has_image(name) and not rebuild:
            return name
        base = self._pull_base(report) or self._make_base(report)
        self._build(name, image.context_archive().getvalue(), report, {"BASE": base, "VERSION": __version__})
        return name

    def _pull_base(self, report: Report) -> str | None:
        """Return the official image once it is here, or None where no hub is reachable."""
        base = image.official_base()
        if self.has_image(base):
            return base
        report(Progress(f"Pulling {base}"))
        repository, _, tag = base.rpartition(":")
        try:
            self._connect().pull(repository, tag=tag)
        except docker.errors.APIError:
            return None
        return base

    def _make_base(self, report: Report) -> str:
        package = image.bun_package()
        name = f"{image.REPOSITORY}-base:{package.version}"
        if not self.has_image(name):
            self._build(name, image.base_archive(report).getvalue(), report, {})
        return name

    def _build(self, name: str, context: bytes, report: Report, arguments: dict[str, str]) -> None:
        import io

        steps = self._connect().build(
            fileobj=io.BytesIO(context), custom_context=True, tag=name, buildargs=arguments, rm=True, decode=True,
            use_config_proxy=True,
        )
        said: list[str] = []
        for step in steps:
            line = str(step.get("stream", "")).strip()
            said.append(line)
            if line.startswith("Step "):
                done, _, total = line.split()[1].partition("/")
                report(Progress(f"Building {name}: {line.partition(' : ')[2][:80]}", int(done) / int(total)))
            if "error" in step:
                context_lines = " ".join(line for line in said[-6:] if line)
                raise ImageError(
                    f"The image {name} could not be built: {step['error']} ({context_lines[-1000:]}).",
                    "Run `bun-sandbox image build` to see every step.",
                )

    def _shares_sockets(self, policy: SandboxPolicy) -> bool:
        """Say whether a socket made inside can be reached from here: the same Linux, not a virtual machine."""
        if policy.transport != "auto":
            return policy.transport == "unix"
        api = self._connect()
        return api.base_url.startswith("http+docker://") and "Desktop" not in api.info()["OperatingSystem"]

    def _connect(self) -> APIClient:
        if self._client is None:
            try:
                self._client = docker.from_env(version="auto", timeout=_API_TIMEOUT).api
            except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
                raise _unavailable(error) from error
        return self._client


def _private_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"bun-sandbox-{os.getpid()}-"))
    inside = folder / "run"
    inside.mkdir()
    # The supervisor's user is nobody of ours, so it may only make its socket if everybody may; the parent is ours alone.
    inside.chmod(0o777)
    return folder


def _endpoint(api: APIClient, container: str, folder: Path | None) -> Endpoint:
    if folder is not None:
        return Unix(folder / "run" / "http.sock")
    ports = api.inspect_container(container)["NetworkSettings"]["Ports"]
    port, health_port = (int(ports[name][0]["HostPort"]) for name in _PORTS)
    return Tcp("127.0.0.1", port, health_port)


def _ensure_network(api: APIClient) -> None:
    if any(found["Name"] == NETWORK for found in api.networks(names=[NETWORK])):
        return
    api.create_network(
        NETWORK,
        driver="bridge",
        labels={LABEL: __version__},
        options={
            "com.docker.network.bridge.enable_ip_masquerade": "false",
            "com.docker.network.bridge.enable_icc": "false",
        },
    )


def _is_running(api: APIClient, container: str) -> bool:
    try:
        return bool(api.inspect_container(container)["State"]["Running"])
    except docker.errors.NotFound:
        return False


def _remove(api: APIClient, container: str) -> None:
    with suppress(docker.errors.APIError, requests.exceptions.RequestException):
        api.remove_container(container, force=True, v=True)


def _unavailable(error: Exception) -> EngineUnavailable:
    if "PermissionError" in str(error):
        return EngineUnavailable(
            "The Docker engine does not let this user in.",
            "Add the user to the group docker, or set DOCKER_HOST to a rootless engine.",
        )
    return EngineUnavailable(
        f"No Docker engine answers at {os.environ.get('DOCKER_HOST', 'unix:///var/run/docker.sock')}.",
        "Install and start one (Debian: `apt-get install docker.io`), then run `bun-sandbox doctor`.",
    )


@contextmanager
def _translated(api: APIClient) -> Iterator[None]:
    """Make the library's exceptions ours; the only place that knows both."""
    try:
        yield
    except docker.errors.APIError as error:
        raise StartFailed(
            f"The engine refused: {error.explanation or error}.", "Run `bun-sandbox doctor` to see what is wrong."
        ) from error
    except requests.exceptions.RequestException as error:
        raise EngineUnavailable(
            f"The Docker engine at {api.base_url} stopped answering: {error}.", "Check that it runs, then try again."
        ) from error
