"""What `bun-sandbox doctor` finds wrong with a real container that serves without a kernel."""

from __future__ import annotations

import json
import os
import re
import socket
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bun_sandbox_kernel import last_words, standalone
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
        assert finds(lambda check: "address already in use" in check.text and "Once the ports are free" in check.remedy)
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
    assert finds(lambda check: 'MAX_MEMORY is "lots"' in check.text and "correct the one that is named" in check.remedy)


def test_a_container_that_had_too_little_memory_is_told() -> None:
    dies("-m 24m --memory-swap 24m")
    assert finds(lambda check: "out of memory" in check.text and check.remedy == last_words.MEMORY)


def profile(folder: Path, call: str, denial: Mapping[str, Any]) -> Path:
    """Write the profile that ships with ``denial`` in place of one call's permission."""
    profile = json.loads(SandboxPolicy().seccomp())
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != call]
    profile["syscalls"].append({"names": [call], **denial})
    (folder / "profile.json").write_text(json.dumps(profile), "utf-8")
    return folder / "profile.json"


@pytest.mark.parametrize("user", ["", "--user 10002:10002"], ids=["image's", "compose's"])
def test_a_system_call_that_a_filter_ended_the_container_for_is_named(tmp_path: Path, user: str) -> None:
    filtered = profile(tmp_path, "epoll_create1", {"action": "SCMP_ACT_KILL_PROCESS"})
    dies(f"{user} --cap-drop ALL --security-opt no-new-privileges --security-opt seccomp={filtered}")
    assert finds(lambda check: "exit status 159" in check.text and check.remedy == last_words.SECCOMP)
    may_read_the_log = sh("dmesg").returncode == 0
    assert may_read_the_log is finds(lambda check: check.text.endswith("by the kernel's log: epoll_create1"))


@pytest.mark.parametrize(
    ("call", "errno", "status", "said"),
    [
        ("epoll_create1", 1, 132, "panic: failed to create the event loop: errno 1"),
        ("epoll_create1", 38, 132, "panic: failed to create the event loop: errno 38"),
        ("bind", 1, 1, "EPERM: operation not permitted, listen"),
    ],
)
def test_a_system_call_that_a_filter_refuses_again_and_again_leads_to_the_filter(
    tmp_path: Path, call: str, errno: int, status: int, said: str
) -> None:
    filtered = profile(tmp_path, call, {"action": "SCMP_ACT_ERRNO", "errnoRet": errno})
    options = f"--cap-drop ALL --security-opt no-new-privileges --security-opt seccomp={filtered}"
    lawful(f"docker run -d --name {NAME} --restart unless-stopped {options} {NAME}")
    assert eventually(lambda: inspect()["RestartCount"] >= 3)
    words = f"container: {NAME} is restarting, with exit status {status}, and said: {said}"
    assert finds(lambda check: check.text == words and check.remedy == last_words.SECCOMP)


def test_what_a_container_says_again_and_again_is_shown_once_and_whole() -> None:
    lawful(f"docker run -d --name {NAME} --restart unless-stopped -e MAX_MEMORY=lots {NAME}")
    assert eventually(lambda: inspect()["RestartCount"] >= 3)
    assert finds(
        lambda check: (
            "is restarting, with exit status 1, and said: MAX_MEMORY is" in check.text
            and check.text.count("MAX_MEMORY is") == 1
            and "correct the one that is named" in check.remedy
        )
    )


def test_what_an_earlier_run_said_is_not_said_of_the_last_one(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    lawful(f"docker create --name {NAME} -v {tmp_path}:/run/own -e BUN_SANDBOX_SECRET_FILE=/run/own/secret {NAME}")
    lawful(f"docker start -a {NAME} || true")
    assert finds(lambda check: "and said: BUN_SANDBOX_SECRET_FILE is" in check.text)
    secret.write_text("of 10001", "utf-8")
    tmp_path.chmod(0o755)
    secret.chmod(0o644)
    lawful(f"docker start {NAME}")
    assert finds(lambda check: check.text == f"container: {NAME} is running")
    lawful(f"docker stop {NAME}")
    assert finds(lambda check: check.text == f"container: {NAME} is exited, with exit status 0")


def test_workers_that_cannot_start_are_told_with_what_one_said() -> None:
    options = (
        "--cap-drop ALL --security-opt no-new-privileges --security-opt seccomp=seccomp-profile.json --pids-limit 6"
    )
    lawful(f"docker run -d --name {NAME} {options} {NAME}")
    assert finds(lambda check: check.text == f"container: {NAME} is running")
    assert finds(
        lambda check: (
            re.fullmatch(r"workers: they could not start at \S+, and one said: panic.*abort\(\) called", check.text)
            is not None
            and check.remedy == last_words.STARVED
        )
    )


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
