"""Pure: the policy → the body of ``POST /containers/create`` (Docker Engine API 1.41)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import __version__
from ..owner import Owner
from ..policy import SandboxPolicy
from . import docker_volumes

LABEL = "io.bun-sandbox"
SOCKET_FOLDER = "/run/bun-sandbox"
"""Where the private folder with the socket is mounted, inside."""
NOTEBOOK_FOLDER = "/notebook"
"""Where the notebook's folder is mounted, inside, if the policy says so."""
NETWORK = "bun-sandbox"
"""A bridge without a way out, for engines whose sockets we cannot share."""
NETWORK_OPTIONS = {
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    "com.docker.network.bridge.enable_icc": "false",
}
NOBODY_ANSWERS = "127.0.0.1"
"""In the place of name servers: the engine's own resolver may ask one on the host's loopback, which is a way out."""
PORTS = ("9998/tcp", "9999/tcp")


def container_spec(
    policy: SandboxPolicy,
    *,
    image_name: str,
    owner: Owner,
    launch: str,
    secret: str,
    folder: Path | None,
    notebook: Path,
    volume: str = "",
) -> dict[str, Any]:
    """Return the body of the call.

    With a folder the supervisor listens on a socket in it and there is no network; without one it listens on two
    loopback ports that the engine chooses. ``notebook`` is the folder that the policy may let cells read. ``volume``
    names the one with another sandbox's packages, which this one installs.
    """
    named = {**owner.labels(), "launch": launch}
    labels = {LABEL: __version__, **{f"{LABEL}.{name}": value for name, value in named.items()}}
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
        **resources(policy),
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
    host["Mounts"] = []
    if policy.packages == "on":
        own = docker_volumes.own(volume_of(launch), labels)
        host["Mounts"] += docker_volumes.of_installer(volume, LABEL) if volume else own
    if policy.mount_notebook_dir == "ro":
        host["Mounts"].append(_notebook(notebook))
    spec: dict[str, Any] = {
        "Image": image_name,
        "Hostname": "sandbox",
        "User": f"{policy.uid}:{policy.uid}",
        "Labels": labels,
        "StopTimeout": 1,
        "HostConfig": host,
    }
    if folder is None:
        if policy.network == "none":
            host |= {"NetworkMode": NETWORK, "Dns": [NOBODY_ANSWERS]}
        else:
            host["NetworkMode"] = "bridge"
        host["PortBindings"] = {port: [{"HostIp": "127.0.0.1", "HostPort": ""}] for port in PORTS}
        spec["ExposedPorts"] = {port: {} for port in PORTS}
    else:
        host["NetworkMode"] = "none" if policy.network == "none" else "bridge"
        host["Binds"] = [f"{folder}:{SOCKET_FOLDER}:rw"]
        environment["BUN_SANDBOX_SOCKET"] = f"{SOCKET_FOLDER}/http.sock"
    spec["Env"] = [f"{name}={value}" for name, value in environment.items()]
    return spec


def _notebook(folder: Path) -> dict[str, Any]:
    # What is mounted within it stays outside: until version 25 engines leave that writable.
    options = {"Propagation": "rprivate", "NonRecursive": True}
    return {
        "Type": "bind",
        "Source": str(folder),
        "Target": NOTEBOOK_FOLDER,
        "ReadOnly": True,
        "BindOptions": options,
    }


def volume_of(launch: str) -> str:
    """Return the name of the volume that is made with a sandbox."""
    return f"bun-sandbox-{launch}"


def resources(policy: SandboxPolicy) -> dict[str, int]:
    """Return what control groups limit, as ``POST /containers/{id}/update`` takes it too."""
    return {
        "Memory": policy.memory_bytes,
        "MemorySwap": policy.memory_bytes,
        "NanoCpus": round(policy.cpus * 1e9),
        "PidsLimit": policy.pids,
    }


def _tmpfs(policy: SandboxPolicy, size: int, mode: str) -> str:
    owner = f"uid={policy.uid},gid={policy.uid}"
    return f"size={size},nr_inodes={policy.tmpfs_inodes},mode={mode},{owner},noexec,nosuid,nodev"
