"""The wheel alone, in an empty environment, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(folder, sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """Return an environment that holds the built wheel and what it depends on."""
    environment = wheel.parent / "env"
    venv.create(environment, with_pip=True)
    run(wheel.parent, str(environment / "bin" / "pip"), "install", "--quiet", str(wheel))
    return environment


def run(folder: Path, *command: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BUN_SANDBOX"))}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_text_and_our_logos_and_no_binary(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    binaries = {name for name, content in contents.items() if b"\0" in content}
    assert {Path(name).name for name in binaries} == {"logo-32x32.png", "logo-64x64.png"}


@pytest.mark.usefixtures("engine")
def test_the_wheel_builds_the_image_and_runs_a_program(installed: Path) -> None:
    command = str(installed / "bin" / "bun-sandbox")
    assert run(installed, command, "image", "build").startswith("bun-sandbox:")
    assert run(installed, command, "run", "-e", "console.log('from the wheel')") == "from the wheel\n"


def test_the_wheel_brings_the_kernelspec_with_its_logos(installed: Path) -> None:
    folder = installed / "share" / "jupyter" / "kernels" / "bun_sandbox"
    assert {path.name for path in folder.iterdir()} == {
        "kernel.json",
        "logo-32x32.png",
        "logo-64x64.png",
        "logo-svg.svg",
    }


def test_install_registers_this_interpreter_below_a_prefix(installed: Path, tmp_path: Path) -> None:
    run(installed, str(installed / "bin" / "bun-sandbox"), "install", "--prefix", str(tmp_path))
    spec = (tmp_path / "share" / "jupyter" / "kernels" / "bun_sandbox" / "kernel.json").read_text("utf-8")
    assert str(installed / "bin" / "python") in spec
    assert '"Bun (Sandboxed)"' in spec
