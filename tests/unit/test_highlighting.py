"""Notebooks keep their TypeScript colours when they are rendered."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

WELCOME = Path(__file__).parents[2] / "notebooks" / "01_welcome.ipynb"


def test_nbconvert_colours_typescript() -> None:
    page, _ = HTMLExporter().from_notebook_node(nbformat.read(WELCOME, as_version=4))
    assert "hl-typescript" in page
    assert '<span class="kd">interface</span>' in page
