"""The policy → the engine's call, line by line; the conformance suite proves that the lines hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bun_sandbox_kernel.engines.docker_spec import container_spec
from bun_sandbox_kernel.owner import Owner
from bun_sandbox_kernel.policy import SandboxPolicy

OWNER = Owner("host", "boot", "42", "1000")


def spec(
    policy: SandboxPolicy | None = None, folder: Path | None = Path("/private/run"), volume: str = ""
) -> dict[str, Any]:
    return container_spec(
        policy or SandboxPolicy(),
        image_name="bun-sandbox:1",
        owner=OWNER,
        launch="1",
        secret="s3cret",
        folder=folder,
        notebook=Path("/home/ada/notebooks"),
        volume=volume,
    )


def test_every_line_of_the_hardening_is_in_the_call() -> None:
    host = spec()["HostConfig"]
    assert spec()["User"] == "10001:10001"
    assert host["ReadonlyRootfs"] is True
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"][0] == "no-new-privileges"
    assert json.loads(host["SecurityOpt"][1].removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    assert host["Memory"] == host["MemorySwap"] == 256 << 20
    assert host["NanoCpus"] == 500_000_000
    assert host["PidsLimit"] == 50
    assert host["AutoRemove"] is True
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1048576", "max-file": "1"}}


def test_every_tmpfs_is_sized_counted_and_cannot_execute() -> None:
    tmpfs = spec()["HostConfig"]["Tmpfs"]
    assert set(tmpfs) == {"/tmp", "/sandbox/code", "/dev/shm"}
    for options in tmpfs.values():
        assert {"noexec", "nosuid", "nodev", "nr_inodes=4096"} <= set(options.split(","))
    assert "size=67108864" in tmpfs["/tmp"]
    assert "size=33554432" in tmpfs["/sandbox/code"]


def test_with_a_folder_there_is_a_socket_and_no_network() -> None:
    host = spec()["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["Binds"] == ["/private/run:/run/bun-sandbox:rw"]
    assert "PortBindings" not in host


def test_without_a_folder_ports_are_free_ones_of_the_loopback() -> None:
    host = spec(folder=None)["HostConfig"]
    assert set(host["PortBindings"]) == {"9998/tcp", "9999/tcp"}
    assert all(binding == [{"HostIp": "127.0.0.1", "HostPort": ""}] for binding in host["PortBindings"].values())
    assert "Binds" not in host
    assert host["Dns"] == ["127.0.0.1"]
    assert "Dns" not in spec(SandboxPolicy(network="internet"), folder=None)["HostConfig"]


def test_secret_is_nowhere_but_in_the_environment() -> None:
    without = {name: value for name, value in spec().items() if name != "Env"}
    assert "s3cret" not in json.dumps(without)
    assert "BUN_SANDBOX_SECRET=s3cret" in spec()["Env"]


def test_labels_tell_the_owner() -> None:
    labels = {name.removeprefix("io.bun-sandbox."): value for name, value in spec()["Labels"].items()}
    assert Owner.from_labels(labels) == OWNER


def test_limits_reach_the_supervisor() -> None:
    policy = SandboxPolicy(memory_bytes=512 << 20, max_execution_ms=5000, max_output_bytes=1 << 20)
    environment = spec(policy)["Env"]
    assert {"MAX_EXECUTION_TIME=5000", "MAX_MEMORY=536870912", "MAX_OUTPUT=1048576"} <= set(environment)


def test_the_notebook_s_folder_is_shown_only_where_it_is_asked_for_and_never_writable() -> None:
    assert "/notebook" not in [mount["Target"] for mount in spec()["HostConfig"]["Mounts"]]
    (mount,) = spec(SandboxPolicy(mount_notebook_dir="ro", packages="off"))["HostConfig"]["Mounts"]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == ("/home/ada/notebooks", "/notebook", True)
    assert mount["BindOptions"]["NonRecursive"] is True


def test_packages_are_mounted_read_only_and_off_means_no_mount() -> None:
    (mount,) = spec()["HostConfig"]["Mounts"]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == ("bun-sandbox-1", "/sandbox", True)
    assert mount["VolumeOptions"]["Labels"] == spec()["Labels"]
    assert spec(SandboxPolicy(packages="off"))["HostConfig"]["Mounts"] == []


def test_an_installer_differs_from_a_sandbox_by_its_mounts_alone() -> None:
    lawful, installer = spec(), spec(volume="bun-sandbox-2")
    mounts = installer["HostConfig"].pop("Mounts")
    assert [mount["Target"] for mount in mounts] == ["/sandbox", "/var/cache/bun"]
    del lawful["HostConfig"]["Mounts"]
    assert installer == lawful
