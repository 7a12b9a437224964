"""Laws of the image, on the engine that built it."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from bun_sandbox_kernel import __version__, image, wire
from bun_sandbox_kernel.engines import docker_image
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_package import package_client
from bun_sandbox_kernel.errors import ImageError, SandboxError
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.resources import DOCKER_CONTEXT
from tests.conftest import eventually, sandboxes_of
from tests.integration.kernels import ANSI, kernel

PROGRAMS = {f"opt/bun-sandbox/{name}.js{form}" for name in ("main", "worker", "apart") for form in ("", ".jsc")}
"""Each as text and as bytecode."""


def contents(name: str) -> set[str]:
    """Return the paths of all files in an image."""
    client = package_client()
    container = client.create_container(name)["Id"]
    try:
        with tarfile.open(fileobj=io.BytesIO(b"".join(client.export(container)))) as archive:
            return {member.name for member in archive if member.isfile() or member.issym()}
    finally:
        client.remove_container(container)


@pytest.mark.usefixtures("engine")
def test_a_terminal_shows_how_far_a_build_is() -> None:
    command = Path(sys.executable).with_name("bun-sandbox")
    terminal = pexpect.spawn(str(command), ["image", "build", "--force"], encoding="utf-8", timeout=300)
    terminal.expect(pexpect.EOF)
    terminal.close()
    drawn = [int(percent) for percent in re.findall(r"\[[#-]+\] +(\d+)%", terminal.before or "")]
    assert drawn == sorted(drawn)
    assert len(set(drawn)) > 3
    assert drawn[-1] == 100
    assert terminal.exitstatus == 0


def test_the_image_holds_bun_and_three_programs_and_nothing_to_play_with(engine: DockerEngine) -> None:
    names = contents(str(engine.inspect_image()["Id"]))
    assert {"usr/local/bin/bun", *PROGRAMS} <= names
    programs = {Path(name).name for name in names if "/bin/" in f"/{name}" or "/sbin/" in f"/{name}"}
    assert programs <= {"bun", "bunx", "node"}, programs
    assert not any("node_modules" in name for name in names)


def test_the_image_says_what_it_is_and_is_not_root(engine: DockerEngine) -> None:
    config = engine.inspect_image()["Config"]
    labels = config["Labels"]
    assert config["User"] == "10001:10001"
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["io.bun-sandbox.bun"] == image.bun_package().version
    assert labels["io.bun-sandbox.protocol"] == str(wire.PROTOCOL)


@pytest.fixture
def changed_package(engine: DockerEngine, tmp_path: Path) -> Iterator[Path]:
    """Copy the package with a change in the image's sources, so that nobody has built its image; yield the folder."""
    client = package_client()
    repository = image.reference().partition(":")[0]
    before = {tag for found in client.images(repository) for tag in found["RepoTags"]}
    folder = tmp_path / "changed"
    for part in ("bun_sandbox_kernel", "docker", "kernelspec"):
        shutil.copytree(DOCKER_CONTEXT.parent / part, folder / part, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(DOCKER_CONTEXT.parent / "seccomp-profile.json", folder)
    with (folder / "docker" / "src" / "main.ts").open("a") as main:
        main.write(f"// {uuid.uuid4()}\n")
    yield folder
    for tag in {tag for found in client.images(repository) for tag in found["RepoTags"]} - before:
        client.remove_image(tag, force=True)


def test_a_kernel_without_the_image_builds_it_and_shows_how_far_it_is(changed_package: Path, tmp_path: Path) -> None:
    # Without the second one, the folder that the tests run in would come first.
    with kernel(tmp_path / "kernels", PYTHONPATH=str(changed_package), PYTHONSAFEPATH="1") as notebook:
        reply, published = notebook.run("6 * 7")
    assert reply["status"] == "ok"
    shown, *updates, result = published
    assert shown.kind == "display_data"
    assert "<progress" in shown.content["data"]["text/html"]
    assert {update.kind for update in updates} == {"update_display_data"}
    assert "Work on the sandbox's image took" in updates[-1].content["data"]["text/plain"]
    assert ANSI.sub("", result.content["data"]["text/plain"]) == "42"


STAND_IN = b"""
FROM %s
COPY passwd /etc/passwd
ENV BUN_INSTALL_BIN=/usr/local/bin
ENTRYPOINT ["/usr/local/bin/bun"]
"""
"""The official image as far as it matters: bun, glibc and certificates where ours has them, root, an entry point."""
ON_OFFICIAL = "bun-sandbox-on-official"


@pytest.fixture
def official(engine: DockerEngine) -> Iterator[str]:
    """Have the official base on this engine, if only a stand-in for it and for the length of a test; yield its name."""
    client = package_client()
    base = image.official_base()
    stand_in = not docker_image.exists(client, base)
    try:
        if stand_in:
            dockerfile = STAND_IN % docker_image._made_base(client, lambda _: None).encode()
            files = [("Dockerfile", dockerfile), ("passwd", b"root:x:0:0:root:/root:/sbin/nologin\n")]
            docker_image._build(client, base, image._archive(files), lambda _: None, {})
        yield base
    finally:
        on_official = f"{ON_OFFICIAL}:{image.reference().partition(':')[2]}"
        for name in (on_official, base) if stand_in else (on_official,):
            if docker_image.exists(client, name):
                client.remove_image(name, force=True)


def test_an_official_base_that_is_here_is_built_upon_and_gives_the_same_image(
    engine: DockerEngine, official: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = engine.inspect_image()
    base = docker_image.inspect(package_client(), official)
    reports: list[str] = []
    monkeypatch.setattr(image, "REPOSITORY", ON_OFFICIAL)
    name = engine.ensure_image(lambda progress: reports.append(progress.text))
    theirs = engine.inspect_image()

    assert {report.partition(",")[0] for report in reports} == {f"Building {name}"}
    layers = base["RootFS"]["Layers"]
    assert theirs["RootFS"]["Layers"][: len(layers)] == layers != ours["RootFS"]["Layers"][: len(layers)]
    assert base["Config"]["User"] in {"", "0", "root"}

    for setting in ("User", "Entrypoint", "Cmd", "WorkingDir", "ExposedPorts", "StopSignal", "Healthcheck"):
        assert theirs["Config"].get(setting) == ours["Config"].get(setting), setting
    assert ours["Config"]["Labels"].items() <= theirs["Config"]["Labels"].items()
    variables = {variable for variable in ours["Config"]["Env"] if not variable.startswith("PATH=")}
    assert {*variables, "BUN_INSTALL_BIN=/usr/local/bin"} <= set(theirs["Config"]["Env"])
    assert contents(name) - contents(official) - {"etc/group"} == PROGRAMS
    assert contents(ours["Id"]) <= contents(name)

    sandbox = engine.start(SandboxPolicy(), lambda _: None)
    try:
        assert package_client().inspect_container(sandbox.id)["Image"] == theirs["Id"]
    finally:
        sandbox.stop()


def test_a_build_that_fails_says_why(engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "docker"
    shutil.copytree(DOCKER_CONTEXT, broken, ignore=shutil.ignore_patterns("node_modules"))
    dockerfile = (broken / "Dockerfile").read_text("utf-8")
    (broken / "Dockerfile").write_text(dockerfile.replace("COPY src", "COPY nowhere"), "utf-8")
    monkeypatch.setattr(image, "DOCKER_CONTEXT", broken)
    with pytest.raises(ImageError, match=r"could not be built.*nowhere"):
        engine.ensure_image(lambda _: None)


def test_sigterm_ends_a_sandbox_by_itself(engine: DockerEngine) -> None:
    sandbox = engine.start(SandboxPolicy(), lambda _: None)
    try:
        package_client().kill(sandbox.id, "SIGTERM")
        assert eventually(lambda: sandbox.id not in sandboxes_of(os.getpid()))
    finally:
        sandbox.stop()


def test_no_room_for_the_private_folder_is_said_in_one_sentence(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/dev/full")
    with pytest.raises(SandboxError, match="private folder") as caught:
        engine.start(SandboxPolicy(), lambda _: None)
    assert "TMPDIR" in caught.value.remedy
