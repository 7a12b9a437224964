"""Kernels that the tests of a file share, and kernels of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.integration import operator
from tests.integration.kernels import Notebook, kernel
from tests.integration.served import Served, served


@pytest.fixture(scope="module")
def notebook(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with kernel(tmp_path_factory.mktemp("kernels")) as notebook:
        yield notebook


@pytest.fixture
def fresh(engine: DockerEngine, tmp_path: Path) -> Iterator[Notebook]:
    with kernel(tmp_path) as notebook:
        yield notebook


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the notebook's folder, which is the working folder of kernels that start from here on."""
    folder, before = tmp_path_factory.mktemp("notebooks"), Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture
def ports(engine: DockerEngine) -> Iterator[None]:
    """Wait for the ports of the container that serves without a kernel; remove what the test has left on them."""
    operator.require_ports()
    yield
    operator.remove()


@pytest.fixture(scope="module")
def box(engine: DockerEngine) -> Iterator[Served]:
    """Yield a container that serves the tests of a file."""
    with served() as container:
        yield container
