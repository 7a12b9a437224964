"""Laws of an engine in need: a real one, started for the test, on a small disk or without a controller."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from docker.api import APIClient

from bun_sandbox_kernel import image
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_api import connect
from bun_sandbox_kernel.engines.docker_package import package_client
from bun_sandbox_kernel.engines.docker_spec import LABEL
from bun_sandbox_kernel.errors import StartFailed
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conftest import absent, eventually
from tests.integration.kernels import ANSI, Notebook, errors, kernel

PIDS_CONTROLLER = Path("/sys/fs/cgroup/pids")


class SecondEngine(NamedTuple):
    """An engine that shares nothing with the machine's own."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def client(self) -> Any:
        return APIClient(self.address, version="auto", timeout=120)


@contextmanager
def second_engine(disk_size: str, *, before: str = ":") -> Iterator[SecondEngine]:
    """Run an engine with mounts and a network of its own, after a command; all of it is gone at the end."""
    with engine_disk(disk_size) as engine, running(engine, before=before):
        yield engine


@contextmanager
def engine_disk(size: str) -> Iterator[SecondEngine]:
    """Mount what an engine keeps from one run to the next."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        absent("a second engine takes root and dockerd")
    with ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="second-engine-"))
        engine = SecondEngine(Path(folder))
        engine.disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(engine.disk)]
        if subprocess.run(mount, check=False).returncode != 0:
            absent("a second engine takes a root that may mount")
        undo.callback(subprocess.check_call, ["umount", engine.disk])
        (engine.folder / "daemon.json").write_text("{}", "utf-8")
        yield engine


@contextmanager
def running(engine: SecondEngine, *, before: str = ":") -> Iterator[subprocess.Popen[bytes]]:
    """Run the engine once. Without a network of its own it would remove the bridge of the machine's own engine."""
    folder = engine.folder
    options = [f"--config-file={folder}/daemon.json", f"--data-root={engine.disk}", f"--exec-root={folder}/run"]
    options += [f"--pidfile={folder}/pid", f"--host={engine.address}", "--bridge=none", "--iptables=false"]
    command = ["unshare", "--mount", "--net", "sh", "-ec", f'{before}; exec dockerd "$@"', "sh", *options]
    with engine.log.open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
        try:
            assert eventually(lambda: engine.socket.exists() or daemon.poll() is not None)
            assert daemon.poll() is None, engine.log.read_text("utf-8")[-2000:]
            yield daemon
        finally:
            stop(daemon, engine)


def stop(daemon: subprocess.Popen[bytes], engine: SecondEngine) -> None:
    """End the engine, which ends its containers and its containerd; where it does not, end both."""
    daemon.terminate()
    try:
        daemon.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.kill(int((engine.folder / "run" / "containerd" / "containerd.pid").read_text("utf-8")), signal.SIGKILL)
        daemon.kill()


@pytest.mark.parametrize("scheme", ["unix", "http+unix"])
def test_a_limit_that_the_engine_cannot_apply_is_an_error_and_leaves_nothing(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not PIDS_CONTROLLER.is_mount():
        pytest.skip("a controller can be hidden from an engine with cgroup v1 alone")
    with second_engine("16m", before=f"umount {PIDS_CONTROLLER}") as engine:
        changes = ['ENTRYPOINT ["/nothing"]']
        repository, _, tag = image.reference().partition(":")
        engine.client().import_image_from_data(b"\0" * 1024, repository=repository, tag=tag, changes=changes)
        monkeypatch.setenv("DOCKER_HOST", f"{scheme}://{engine.socket}")
        with pytest.raises(StartFailed, match=r"cannot apply a limit: .* PIDs limit discarded\.") as caught:
            DockerEngine().start(SandboxPolicy(transport="unix"), lambda _: None)
        assert "cgroup" in caught.value.remedy
        assert connect().list(LABEL) == []
        assert list(Path(tempfile.gettempdir()).glob(f"bun-sandbox-{os.getpid()}-*")) == []


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("disk_size", ["64m", "160m"], ids=["no room for the files", "no room for the layer"])
def test_a_build_on_a_full_disk_is_said_in_one_sentence_and_the_next_cell_tries_again(
    tmp_path: Path, disk_size: str
) -> None:
    with second_engine(disk_size) as engine, kernel(tmp_path, DOCKER_HOST=engine.address) as notebook:
        for _ in range(2):
            assert re.fullmatch(
                r"ImageError: The image \S+ could not be built: .*no space left on device.*\. Free space on .*\.",
                told(notebook),
            )
        bring_image(engine)
        assert notebook.value("6 * 7") == "42"


@pytest.mark.usefixtures("engine")
def test_a_disk_that_is_full_later_ends_no_sandbox_and_starts_none(tmp_path: Path) -> None:
    with second_engine("512m") as engine:
        bring_image(engine)
        with kernel(tmp_path, DOCKER_HOST=engine.address) as notebook:
            notebook.run("const x = 42")
            filler = engine.disk / "filler"
            filler.write_bytes(bytes(shutil.disk_usage(engine.disk).free))
            assert notebook.value("x") == "42"
            client = engine.client()
            for container in client.containers(quiet=True):
                client.remove_container(container, force=True)
            assert eventually(lambda: "no space left on device. Free space on " in told(notebook))
            filler.unlink()
            assert notebook.value("6 * 7") == "42"


def told(notebook: Notebook) -> str:
    """Return the one error of a cell that cannot run."""
    reply, published = notebook.run("6 * 7")
    assert reply["status"] == "error"
    (error,) = errors(published)
    return ANSI.sub("", "\n".join(error["traceback"]))


def bring_image(engine: SecondEngine) -> None:
    """Make the disk large enough and fill in the image, which an engine without a network cannot build."""
    subprocess.run(["mount", "-o", "remount,size=512m", engine.disk], check=True)
    engine.client().load_image(package_client().get_image(image.reference()))
