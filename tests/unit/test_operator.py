"""The compose file, docker/README.md and run-sandbox.sh ask for what the policy says, setting by setting."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bun_sandbox_kernel.engines.docker_spec import NETWORK_OPTIONS, container_spec
from bun_sandbox_kernel.owner import Owner
from bun_sandbox_kernel.policy import SandboxPolicy, parse_bytes
from bun_sandbox_kernel.resources import SECCOMP_PROFILE

DOCKER = Path(__file__).parents[2] / "docker"
Settings = dict[str, Any]
OWN_USER = 10002
"""Not that of kernels' sandboxes: Linux counts nproc by user."""


def compose(name: str = "docker-compose.yml") -> Any:
    return yaml.safe_load((DOCKER / name).read_text("utf-8"))


def service() -> Any:
    return compose()["services"]["bun-sandbox"]


def dockerfile(begin: str) -> str:
    """Return the rest of the line that begins so."""
    (rest,) = re.findall(rf"^{begin}(\S+)$", (DOCKER / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return str(rest)


def tmpfs(lines: Sequence[str]) -> Any:
    """Return path → options, the size in bytes."""
    found = {}
    for path, _, options in (line.partition(":") for line in lines):
        found[path] = {
            re.sub(r"(?<=^size=)\w+$", lambda size: str(parse_bytes(size[0])), one) for one in options.split(",")
        }
    return found


def of_policy() -> Settings:
    spec = container_spec(
        SandboxPolicy(packages="off", uid=OWN_USER), image_name="bun-sandbox", owner=Owner("", "", "", ""), launch="",
        secret="", folder=None, notebook=Path(),
    )  # fmt: skip
    host = spec["HostConfig"]
    ulimits = {one["Name"]: (one["Soft"], one["Hard"]) for one in host["Ulimits"]}
    # Bun takes as many files as it may have, so that the two numbers of the page mean the second.
    ulimits["nproc"] = (SandboxPolicy().pids, SandboxPolicy().pids)
    ulimits["nofile"] = (SandboxPolicy().open_files, 2 * SandboxPolicy().open_files)
    return {
        "user": spec["User"],
        "read_only": host["ReadonlyRootfs"],
        "cap_drop": host["CapDrop"],
        "seccomp": SECCOMP_PROFILE,
        "ipc": host["IpcMode"],
        "memory": (host["Memory"], host["MemorySwap"]),
        "cpus": host["NanoCpus"] / 1e9,
        "pids": host["PidsLimit"],
        "shm": host["ShmSize"],
        "ulimits": ulimits,
        "tmpfs": tmpfs([f"{path}:{options}" for path, options in host["Tmpfs"].items()]),
        "ports": [f"{one[0]['HostIp']}:{port[:4]}:{port[:4]}" for port, one in host["PortBindings"].items()],
    }


def of_compose() -> Settings:
    asked = service()
    new_privileges, seccomp = asked["security_opt"]
    assert new_privileges == "no-new-privileges:true"
    ulimits = {
        name: (limit["soft"], limit["hard"]) if isinstance(limit, dict) else (limit, limit)
        for name, limit in asked["ulimits"].items()
    }
    return {
        "user": asked["user"],
        "read_only": asked["read_only"],
        "cap_drop": asked["cap_drop"],
        "seccomp": (DOCKER / seccomp.removeprefix("seccomp=${BUN_SANDBOX_SECCOMP:-").removesuffix("}")).resolve(),
        "ipc": asked["ipc"],
        "memory": (parse_bytes(asked["mem_limit"]), parse_bytes(asked["memswap_limit"])),
        "cpus": asked["cpus"],
        "pids": asked["pids_limit"],
        "shm": parse_bytes(asked["shm_size"]),
        "ulimits": ulimits,
        "tmpfs": tmpfs(asked["tmpfs"]),
        "ports": asked["ports"],
    }


def command(name: str) -> argparse.Namespace:
    """Read the options of the page's `docker run`, or of the script's `docker create`."""
    if name == "README.md":
        text = (DOCKER / name).read_text("utf-8").partition("docker run -d")[2].partition("```")[0]
    else:
        text = (DOCKER / name).read_text("utf-8").partition("$(docker create")[2].partition("2>&1")[0]
    text = text.replace("$docker_folder/", "").replace("$name", "bun-sandbox")
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--read-only", action="store_true")
    valued = "name hostname restart network dns ipc memory-swap cpus pids-limit shm-size log-driver"
    for option in valued.split():
        parser.add_argument(f"--{option}")
    parser.add_argument("--user", default=dockerfile("USER "))
    parser.add_argument("-m", "--memory")
    for option in ("cap-drop", "security-opt", "ulimit", "tmpfs", "log-opt"):
        parser.add_argument(f"--{option}", action="append")
    parser.add_argument("-e", "--env", action="append")
    parser.add_argument("-p", "--publish", action="append")
    parser.add_argument("image")
    return parser.parse_args(shlex.split(text.replace("\\\n", " ")))


def of_command(name: str) -> Settings:
    asked = command(name)
    new_privileges, seccomp = asked.security_opt
    assert new_privileges == "no-new-privileges:true"
    ulimits = {}
    for limit, _, numbers in (one.partition("=") for one in asked.ulimit):
        soft, _, hard = numbers.partition(":")
        ulimits[limit] = (int(soft), int(hard or soft))
    return {
        "user": asked.user,
        "read_only": asked.read_only,
        "cap_drop": asked.cap_drop,
        "seccomp": (DOCKER / seccomp.removeprefix("seccomp=")).resolve(),
        "ipc": asked.ipc,
        "memory": (parse_bytes(asked.memory), parse_bytes(asked.memory_swap)),
        "cpus": float(asked.cpus),
        "pids": int(asked.pids_limit),
        "shm": parse_bytes(asked.shm_size),
        "ulimits": ulimits,
        "tmpfs": tmpfs(asked.tmpfs),
        "ports": asked.publish,
    }


def unset(variable: str) -> str:
    """Return a setting as it is where the shell says nothing of it."""
    return re.sub(r"\$\{\w+:-(.*)\}", r"\1", variable)


COMMANDS = ("README.md", "scripts/run-sandbox.sh")


def test_the_compose_file_asks_for_what_the_policy_says() -> None:
    assert of_compose() == of_policy()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_asks_for_what_the_policy_says(name: str) -> None:
    assert of_command(name) == of_policy()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_gives_the_environment_and_the_log_of_the_compose_file(name: str) -> None:
    asked = command(name)
    assert {unset(one) for one in asked.env} == {unset(one) for one in service()["environment"]}
    assert dict(one.split("=") for one in asked.log_opt) == service()["logging"]["options"]
    assert asked.name == asked.image == service()["container_name"] == service()["image"]


def test_the_network_of_compose_holds_what_kernels_networks_hold_and_has_the_bridge_of_the_host_s_rule() -> None:
    rule = re.search(r"iptables -I INPUT -i (\S+)", (DOCKER / "README.md").read_text("utf-8"))
    assert rule is not None
    options = compose()["networks"]["default"]["driver_opts"]
    assert options == {**NETWORK_OPTIONS, "com.docker.network.bridge.name": rule[1]}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_makes_the_network_of_compose(name: str) -> None:
    text = (DOCKER / name).read_text("utf-8").replace('"$network" 2>&1', compose()["networks"]["default"]["name"])
    created = text.partition("docker network create")[2].replace("\\\n", " ").partition("\n")[0].partition(")")[0]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--opt", action="append")
    parser.add_argument("--label", action="append")
    parser.add_argument("network")
    asked = parser.parse_args(shlex.split(created))
    assert dict(one.split("=") for one in asked.opt) == compose()["networks"]["default"]["driver_opts"]
    assert asked.network == compose()["networks"]["default"]["name"]
    # Without it compose refuses the network that it finds.
    assert asked.label == ["com.docker.compose.network=default"]


def test_the_script_is_in_the_network_of_compose() -> None:
    script = (DOCKER / "scripts/run-sandbox.sh").read_text("utf-8")
    assert f"\nnetwork={compose()['networks']['default']['name']}\n" in script
    assert command("scripts/run-sandbox.sh").dns == service()["dns"]


def test_hostile_code_has_an_end_by_default() -> None:
    environment = dict(unset(one).split("=") for one in service()["environment"] if "=" in one)
    assert 0 < int(environment["MAX_EXECUTION_TIME"]) <= 60_000
    assert 0 < parse_bytes(environment["MAX_MEMORY"]) < parse_bytes(service()["mem_limit"])


def test_the_image_is_built_on_the_base_that_the_dockerfile_names() -> None:
    assert service()["build"]["args"]["BASE"] == f"${{BASE:-{dockerfile('ARG BASE=')}}}"


@pytest.mark.parametrize("proxy", ["nginx", "traefik"])
def test_behind_a_proxy_the_sandbox_is_in_no_network_but_theirs_and_wants_a_secret(proxy: str) -> None:
    files = compose(f"compose.{proxy}.yml")
    sandbox = files["services"]["bun-sandbox"]
    assert sandbox["networks"] == ["proxied"]
    assert files["networks"]["proxied"] == {"internal": True}
    assert sandbox["environment"][0].startswith("BUN_SANDBOX_SECRET=${BUN_SANDBOX_SECRET:?")
    assert files["services"][proxy]["networks"] == ["proxied", "front"]


def test_the_profile_is_one_file() -> None:
    assert (DOCKER / "seccomp-profile.json").is_symlink()
    assert (DOCKER / "seccomp-profile.json").resolve() == SECCOMP_PROFILE
