"""What a person gets who types ``make lab``."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, absent, serving


@pytest.mark.usefixtures("engine")
def test_make_lab_opens_the_notebooks_with_the_kernel(tmp_path: Path) -> None:
    question = ["make", "--question", ".venv/.done", "docker/node_modules/.done"]
    if subprocess.run(question, cwd=ROOT, check=False).returncode != 0:
        absent("`make setup` has not been run")
    with serving(["make", "lab"], tmp_path) as lab:
        assert b"<title>JupyterLab</title>" in lab.get("lab")
        assert "bun_sandbox" in json.loads(lab.get("api/kernelspecs"))["kernelspecs"]
        assert "01_welcome.ipynb" in {entry["name"] for entry in json.loads(lab.get("api/contents"))["content"]}
