"""Where a kernel's limits come from, and what is given up on purpose, seen from inside the sandbox."""

from __future__ import annotations

from pathlib import Path

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.conftest import eventually, sandboxes_of
from tests.integration.kernels import errors, kernel, text

PIDS = """
const fs = require("node:fs");
Number(["pids/pids.max", "pids.max"].map((name) => `/sys/fs/cgroup/${name}`).filter(fs.existsSync).map((path) =>
  fs.readFileSync(path, "utf8"))[0])"""
UNSHARE = """
const { dlopen } = require("bun:ffi");
dlopen("libc.so.6", { unshare: { args: ["i32"], returns: "i32" } }).symbols.unshare(0)"""


def test_limits_come_from_jupyters_configuration_too(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path, "--BunSandboxApp.limits=pids=41") as notebook:
        assert notebook.value(PIDS) == "41"
        assert eventually(lambda: len(sandboxes_of(notebook.pid)) == 1)


def test_the_environment_is_nearer_than_the_configuration(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path, "--BunSandboxApp.limits=pids=41", BUN_SANDBOX_PIDS="42") as notebook:
        assert notebook.value(PIDS) == "42"


def test_a_limit_that_does_not_exist_is_named_in_every_cell(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path, "--BunSandboxApp.limits=ram=1g") as notebook:
        for _ in range(2):
            _, published = notebook.run("1")
            (error,) = errors(published)
            assert error["ename"] == "PolicyError"
            assert error["evalue"].startswith('There is no limit "ram".')


def test_a_network_is_there_when_it_is_asked_for(engine: DockerEngine, tmp_path: Path) -> None:
    interfaces = "/ eth0:/.test(require('node:fs').readFileSync('/proc/net/dev', 'utf8'))"
    with kernel(tmp_path) as notebook:
        assert notebook.value(interfaces) == "false"
    with kernel(tmp_path, BUN_SANDBOX_NETWORK="internet") as notebook:
        assert notebook.value(interfaces) == "true"


def test_system_calls_are_free_when_that_is_asked_for(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        assert notebook.value(UNSHARE) == "-1"
    with kernel(tmp_path, BUN_SANDBOX_SECCOMP="unconfined") as notebook:
        assert notebook.value(UNSHARE) == "0"


def test_the_limits_of_the_kernel_can_be_read_in_a_cell(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path, BUN_SANDBOX_MEMORY="300m", BUN_SANDBOX_NETWORK="internet") as notebook:
        _, published = notebook.run("%sandbox_limits")
        lines = text(published).splitlines()
    assert ["memory", "300m", "BUN_SANDBOX_MEMORY"] in [line.split() for line in lines]
    assert lines[-1] == "\x1b[1;31mweakened: the sandbox has a network with a way out\x1b[0m"
