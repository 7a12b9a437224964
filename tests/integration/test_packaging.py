"""The wheel alone, in an empty environment, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment that holds the built wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    run(folder, sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    environment = folder / "env"
    venv.create(environment, with_pip=True)
    run(folder, str(environment / "bin" / "pip"), "install", "--quiet", str(wheel))
    return environment


def run(folder: Path, *command: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BUN_SANDBOX"))}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
