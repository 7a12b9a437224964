"""What `bun-sandbox doctor` finds wrong with a real container that serves without a kernel."""

from __future__ import annotations

import json
import os
import re
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from bun_sandbox_kernel import standalone
from bun_sandbox_kernel.checks import Check
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conftest import eventually
from tests.integration.operator import NAME, await_health, compose, inspect, lawful, sh

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("ports")


def finds(condition: Callable[[Check], bool]) -> bool:
    """Say whether the doctor comes to say so; an engine takes a moment to note an end."""
    return eventually(lambda: any(condition(check) for check in standalone.examine()))


def dies(options: str) -> None:
    """Start a container that ends by itself."""
    lawful(f"docker run -d --name {NAME} {options} {NAME}")
    assert eventually(lambda: inspect()["State"]["Status"] == "exited")


def test_who_has_a_port_is_named_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 9998)):
        assert (
            f"9998 by the process {Path('/proc/self/comm').read_text().strip()} ({os.getpid()})"
            in sh("bun-sandbox doctor").stdout
        )
        lawful(f"docker create --name {NAME} -p 127.0.0.1:9998:9998 {NAME}")
        assert sh(f"docker start {NAME}").returncode != 0
        assert finds(lambda check: "address already in use" in check.text and "Free the ports" in check.remedy)
    assert finds(lambda check: check.text == "ports: 9998 and 9999 are free")


def test_a_container_that_is_up_is_well() -> None:
    lawful(f"{compose()} up -d")
    assert finds(lambda check: "keeps executions apart in memory, files and signals" in check.text)
    checks = list(standalone.examine())
    assert [check.status for check in checks] == ["ok", "ok", "ok"]
    assert checks[0].text == "ports: 9998, 9999 are those of the container bun-sandbox"


def test_the_last_words_of_a_dead_container_are_shown_with_what_to_do() -> None:
    dies("-e BUN_SANDBOX_SECRET_FILE=/nothing")
    assert finds(lambda check: "exit status 1, and said: BUN_SANDBOX_SECRET_FILE is" in check.text)
    lawful(f"docker rm {NAME}")
    dies("-e MAX_MEMORY=lots")
    assert finds(lambda check: 'MAX_MEMORY is "lots"' in check.text and "Correct the setting" in check.remedy)


def test_a_container_that_had_too_little_memory_is_told() -> None:
    dies("-m 24m --memory-swap 24m")
    assert finds(lambda check: "out of memory" in check.text and check.remedy == standalone.MEMORY)


@pytest.mark.parametrize("user", ["", "--user 10002:10002"], ids=["image's", "compose's"])
def test_a_system_call_that_a_filter_ended_the_container_for_is_named(tmp_path: Path, user: str) -> None:
    profile = json.loads(SandboxPolicy().seccomp())
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != "epoll_create1"]
    profile["syscalls"].append({"names": ["epoll_create1"], "action": "SCMP_ACT_KILL_PROCESS"})
    (tmp_path / "profile.json").write_text(json.dumps(profile), "utf-8")
    dies(f"{user} --cap-drop ALL --security-opt no-new-privileges --security-opt seccomp={tmp_path / 'profile.json'}")
    assert finds(lambda check: "exit status 159" in check.text and check.remedy == standalone.SECCOMP)
    may_read_the_log = sh("dmesg").returncode == 0
    assert may_read_the_log is finds(lambda check: check.text.endswith("by the kernel's log: epoll_create1"))


def test_the_container_is_none_of_a_kernel_s_and_has_metrics_of_its_own() -> None:
    lawful(f"{compose()} up -d")
    await_health()
    printed = lawful("bun-sandbox metrics")
    assert "# HELP bun_sandbox_containers Sandboxes of kernels that run.\n" in printed
    assert inspect()["Id"][:12] not in printed
    with urllib.request.urlopen("http://127.0.0.1:9999/metrics", timeout=10) as answer:
        assert "bun_sandbox_" in answer.read().decode()
    assert lawful("docker ps --quiet --filter name=^bun-sandbox$").strip() in inspect()["Id"]
    assert lawful("docker ps --quiet --filter name=^bun-sandbox$ --filter label=io.bun-sandbox") == ""


def test_the_scratch_folder_of_the_documents_belongs_to_who_the_documents_start_it_as() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    ((user, scratch),) = re.findall(r"Permission denied below.*`(--user \S+)`.*?`(--tmpfs \S+)`", page)
    write = "require('fs').writeFileSync('/sandbox/code/report.txt', '')"
    run = f'docker run --rm --entrypoint /usr/local/bin/bun {user} {{}} {NAME} -e "{write}"'
    lawful(run.format(scratch))
    assert "EACCES" in sh(run.format(scratch.replace("10002", "10001"))).stderr
