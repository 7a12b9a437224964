"""Runs a notebook through its kernel, prints what it shows, and renders it: `python scripts/demo.py NOTEBOOK`."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

BUILD = Path(__file__).parents[1] / "build"


def main(path: Path) -> None:
    """Execute the notebook in its own folder and write it, with its outputs, below ``build/``."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            print(f"\nIn [{cell.execution_count}]: " + cell.source.replace("\n", "\n    "))
            for output in cell.outputs:
                print(describe(output))
    BUILD.mkdir(exist_ok=True)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    rendered = BUILD / path.with_suffix(".html").name
    rendered.write_text(page, "utf-8")
    print(f"\nRendered: {rendered}")


def describe(output: nbformat.NotebookNode) -> str:
    """Return an output as a terminal can show it."""
    if output.output_type == "stream":
        return str(output.text).rstrip("\n")
    if output.output_type == "error":
        return "\n".join(output.traceback)
    others = ", ".join(mime for mime in output.data if mime != "text/plain")
    return str(output.data.get("text/plain", f"({others})"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
