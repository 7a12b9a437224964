"""`python -m benchmarks.http`: how a container that serves without a kernel answers one client, and fifty.

Tells the medians and never fails on speed: the exit status is 1 only when an answer is wrong, or no answer at all.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import httpx

from benchmarks.processes import container_pids, pss_bytes
from bun_sandbox_kernel import image
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.resources import SECCOMP_PROFILE

NAME = "bun-sandbox-benchmark"
PORT = 29998
BODY = {"code": "console.log(1)"}
ONE_BY_ONE = 200
PAUSE_SECONDS = 0.1
TARGET_MS = 40
CLIENTS = 50
LOAD_SECONDS = 30
ASK_AGAIN_SECONDS = 0.2
"""A client that is turned away waits so long, less than the second that it is told to."""


@dataclass
class Load:
    """What became of the requests of all clients."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: int = 0


def main() -> int:
    """Measure, print and return the exit status."""
    with container(cpus=1.0):
        close = one_by_one(0)
        apart = one_by_one(PAUSE_SECONDS)
    print(f"POST /execute, stateless, 1 CPU, one after the other: median {close:.1f} ms (target {TARGET_MS} ms)")
    print(f"the same, {PAUSE_SECONDS * 1e3:.0f} ms apart: median {apart:.1f} ms")
    with container(cpus=SandboxPolicy().cpus):
        one_by_one(0)
        before = memory_mb()
        load, memory = asyncio.run(under_load())
    answered = load.statuses["200"]
    others = {status: count for status, count in load.statuses.items() if status not in {"200", "429"}}
    print(
        f"{CLIENTS} clients for {LOAD_SECONDS} s at the default limits: {answered} answers "
        f"({answered / LOAD_SECONDS:.1f}/s), median {median(load.seconds) * 1e3:.0f} ms with the wait for a worker, "
        f"{load.statuses['429']} times 429, other than those: {others or 'none'}, wrong: {load.wrong}"
    )
    print(f"memory (PSS): {before:.0f} MB before, {', '.join(f'{reading:.0f}' for reading in memory)} MB during it")
    return 1 if others or load.wrong else 0


def one_by_one(pause_seconds: float) -> float:
    """Return the median of the milliseconds to an answer."""
    taken = []
    with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as client:
        for _ in range(ONE_BY_ONE):
            started = time.perf_counter()
            answer = client.post("/execute", json=BODY).raise_for_status()
            taken.append((time.perf_counter() - started) * 1e3)
            if answer.json()["stdout"] != "1\n":
                raise RuntimeError(f"The container answers {answer.text!r}.")
            time.sleep(pause_seconds)
    return median(taken)


async def under_load() -> tuple[Load, list[float]]:
    """Return what became of all requests, and readings of memory in MB, one every 5 s."""
    load, memory = Load(), []
    deadline = time.monotonic() + LOAD_SECONDS
    clients = [asyncio.create_task(_client(load, deadline)) for _ in range(CLIENTS)]
    while time.monotonic() < deadline:
        await asyncio.sleep(5)
        memory.append(await asyncio.to_thread(memory_mb))
    await asyncio.gather(*clients)
    return load, memory


async def _client(load: Load, deadline: float) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as client:
        while time.monotonic() < deadline:
            started = time.perf_counter()
            try:
                answer = await client.post("/execute", json=BODY)
            except httpx.TransportError as error:
                load.statuses[type(error).__name__] += 1
                continue
            load.statuses[str(answer.status_code)] += 1
            if answer.status_code == httpx.codes.OK:
                load.seconds.append(time.perf_counter() - started)
                load.wrong += answer.json()["stdout"] != "1\n"
            else:
                await asyncio.sleep(ASK_AGAIN_SECONDS)


def memory_mb() -> float:
    """Return the proportional set size of all processes of the container."""
    return pss_bytes(container_pids(NAME)) / 1e6


@contextmanager
def container(*, cpus: float) -> Iterator[None]:
    """A container as docker/README.md starts it, until it is ready and afterwards removed."""
    policy = SandboxPolicy()
    tmpfs = f"nr_inodes={policy.tmpfs_inodes},noexec,nosuid,nodev"
    flags = [
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges:true",
        f"--security-opt=seccomp={SECCOMP_PROFILE}",
        f"--memory={policy.memory_bytes}",
        f"--memory-swap={policy.memory_bytes}",
        f"--cpus={cpus}",
        f"--pids-limit={policy.pids}",
        f"--tmpfs=/tmp:size={policy.tmp_bytes},mode=1777,{tmpfs}",
        f"--tmpfs=/sandbox/code:size={policy.code_bytes},uid={policy.uid},gid={policy.uid},{tmpfs}",
        f"--publish=127.0.0.1:{PORT}:9998",
    ]
    _docker("run", "--detach", f"--name={NAME}", *flags, image.reference())
    try:
        _wait_until_ready()
        yield
    finally:
        _docker("rm", "--force", NAME)


def _wait_until_ready() -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{PORT}/health/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("The container did not get ready within 30 s.")


def _docker(*arguments: str) -> None:
    subprocess.run(("docker", *arguments), check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
