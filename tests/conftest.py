"""What every test may ask for: a real engine, and the promise that nothing of ours is left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine, DockerSandbox, owner_of
from bun_sandbox_kernel.engines.docker_api import Found, connect
from bun_sandbox_kernel.engines.docker_spec import LABEL
from bun_sandbox_kernel.errors import EngineUnavailable
from bun_sandbox_kernel.policy import SandboxPolicy


def absent(what: str) -> NoReturn:
    """Skip, but fail where the environment promises the engine."""
    if "docker" in os.environ.get("REQUIRE_ENGINES", ""):
        pytest.fail(f"REQUIRE_ENGINES promises docker, but {what}")
    pytest.skip(f"NOTHING IS TESTED ON A REAL ENGINE: {what}")


@pytest.fixture(scope="session")
def engine() -> DockerEngine:
    """Docker, with the image built."""
    docker = DockerEngine()
    try:
        docker.check()
    except EngineUnavailable as error:
        absent(str(error))
    docker.ensure_image(lambda _: None)
    return docker


def sandboxes_of(pid: int) -> list[str]:
    """Return the containers that belong to a process."""
    return [found.id for found in connect().list(LABEL) if owner_of(found).pid == str(pid)]


@contextmanager
def started(engine: DockerEngine, policy: SandboxPolicy | None = None) -> Iterator[DockerSandbox]:
    """Start a sandbox, and stop it at the end."""
    sandbox = engine.start(policy or SandboxPolicy(), lambda _: None)
    try:
        yield sandbox
    finally:
        sandbox.stop()


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Poll until the condition holds, or the time is up; return whether it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """Fail the run when a sandbox of this process, or of one that is gone, outlives it."""
    yield
    try:
        api = connect()
        left = eventually(lambda: not _ours_or_orphaned(api.list(LABEL)))
    except EngineUnavailable:
        return
    assert left, f"sandboxes are left behind: {_ours_or_orphaned(connect().list(LABEL))}"


def _ours_or_orphaned(containers: list[Found]) -> list[str]:
    own_pid = str(os.getpid())
    return [found.id for found in containers if owner_of(found).pid == own_pid or owner_of(found).is_gone()]
