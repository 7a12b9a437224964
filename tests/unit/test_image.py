from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tarfile
from pathlib import Path
from unittest.mock import Mock

import pytest

from bun_sandbox_kernel import __version__, image, wire
from bun_sandbox_kernel.engines import docker_image
from bun_sandbox_kernel.errors import ImageError
from bun_sandbox_kernel.resources import DOCKER_CONTEXT

CONTEXT = DOCKER_CONTEXT


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "docker"
    shutil.copytree(CONTEXT, copy, ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.setattr(image, "DOCKER_CONTEXT", copy)
    return copy


def test_name_is_made_of_version_and_context() -> None:
    assert re.fullmatch(rf"bun-sandbox:{re.escape(__version__)}-[0-9a-f]{{12}}", image.reference())


def test_any_change_of_the_context_changes_the_name(context: Path) -> None:
    before = image.reference()
    (context / "src" / "worker.ts").write_text("// changed")
    assert image.reference() != before


def test_tests_are_not_part_of_the_image(context: Path) -> None:
    before = image.reference()
    (context / "src" / "more.test.ts").write_text("")
    assert image.reference() == before


def test_archive_holds_what_the_dockerfile_copies() -> None:
    with tarfile.open(fileobj=image.context_archive()) as archive:
        names = set(archive.getnames())
    assert {
        "Dockerfile",
        "package.json",
        "package-lock.json",
        "src/main.ts",
        "src/worker.ts",
        "src/worker/channel.ts",
    } <= names
    assert not any(name.endswith(".test.ts") for name in names)


def test_bun_is_pinned_to_one_version_everywhere() -> None:
    version = image.bun_package("x86_64").version
    dockerfile = (CONTEXT / "Dockerfile").read_text("utf-8")
    assert image.official_base() == f"oven/bun:{version}-distroless"
    assert f'io.bun-sandbox.bun="{version}"' in dockerfile
    assert f'io.bun-sandbox.protocol="{wire.PROTOCOL}"' in dockerfile
    assert f"ARG VERSION={__version__}" in dockerfile


def test_protocol_is_the_twins() -> None:
    assert f"export const PROTOCOL = {wire.PROTOCOL};" in (CONTEXT / "src" / "wire.ts").read_text("utf-8")


def test_every_package_of_the_lock_has_its_integrity() -> None:
    lock = json.loads((CONTEXT / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert {name for name, entry in packages.items() if not entry["integrity"].startswith("sha512-")} == set()


def test_machine_without_bun_is_named() -> None:
    with pytest.raises(ImageError, match="riscv64"):
        image.bun_package("riscv64")


def test_pull_that_breaks_off_halfway_gives_no_base() -> None:
    engine = Mock()
    engine.images.return_value = []
    engine.pull.return_value = '{"status": "Extracting"}\n{"error": "unexpected EOF"}'
    assert docker_image._pulled_base(engine, lambda _: None) is None


def test_package_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(image, "_download", lambda *_: b"something else")
    package = image.Package("@oven/bun", "1.0.0", "sha512-" + base64.b64encode(b"x" * 64).decode())
    with pytest.raises(ImageError, match="not the package that is pinned"):
        image.fetch(package, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_cached_package_is_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"the real one"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    monkeypatch.setattr(image, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(image, "_download", lambda *_: content)
    (tmp_path / "bun-1.0.0.tgz").write_bytes(b"tampered with")
    package = image.Package("@oven/bun", "1.0.0", integrity)
    assert image.fetch(package, lambda _: None) == content
    assert (tmp_path / "bun-1.0.0.tgz").read_bytes() == content
