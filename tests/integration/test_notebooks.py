"""Laws of the notebooks that ship: each runs from top to bottom, and its page shows what it promises."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.views import DATA
from tests.integration.kernels import SECONDS, Notebook, install_spec
from tests.integration.test_stats import Live

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
FAILS = "raises-exception"
OUTPUT = re.compile(r'<div class="jp-OutputArea jp-Cell-outputArea">.*?(?=<div class="jp-Cell |</main>)', re.DOTALL)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


class Executed(NamedTuple):
    """A notebook with its outputs, and its page."""

    cells: list[Any]
    page: str

    @property
    def outputs(self) -> list[Any]:
        return [output for cell in self.cells for output in cell.outputs]

    @property
    def shown(self) -> str:
        """The outputs' part of the page."""
        return "\n".join(OUTPUT.findall(self.page))


Execute = Callable[[Path], Executed]


@pytest.fixture(scope="module")
def execute(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Execute:
    """Run a notebook through a kernel of its own, once, as `jupyter nbconvert --execute --to html` does."""
    kernels = tmp_path_factory.mktemp("kernels")
    install_spec(kernels)
    specs = KernelSpecManager(kernel_dirs=[str(kernels)])

    @cache
    def executed(path: Path) -> Executed:
        notebook = nbformat.read(path, as_version=4)
        manager = AsyncKernelManager(kernel_name="bun_sandbox", kernel_spec_manager=specs)
        client = NotebookClient(notebook, km=manager, timeout=SECONDS)
        client.execute(cleanup_kc=True, env={**os.environ, "JUPYTER_DATA_DIR": str(kernels / "data")})
        page, _ = HTMLExporter().from_notebook_node(notebook)
        return Executed([cell for cell in notebook.cells if cell.cell_type == "code"], page)

    return executed


@every_notebook
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "bun_sandbox"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.execution_count, cell.outputs) for cell in cells] == [(None, [])] * len(cells)


@every_notebook
def test_a_notebook_runs_and_fails_only_where_it_says_so(execute: Execute, path: Path) -> None:
    cells = execute(path).cells
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    failed = [cell.id for cell in cells if any(output.output_type == "error" for output in cell.outputs)]
    assert failed == [cell.id for cell in cells if FAILS in cell.metadata.get("tags", [])]


@every_notebook
def test_the_page_of_a_notebook_has_all_of_its_outputs(execute: Execute, path: Path) -> None:
    notebook = execute(path)
    assert notebook.page.count("jp-OutputArea-child") >= len(notebook.outputs) > 0
    assert len(OUTPUT.findall(notebook.page)) == sum(bool(cell.outputs) for cell in notebook.cells)
    assert "\x1b" not in notebook.page


@pytest.mark.parametrize(
    ("kind", "looks"),
    [
        ("HTML", r'data-mime-type="text/html".*?<li>custard &amp; &lt;cream&gt;</li>'),
        ("Markdown", r'data-mime-type="text/markdown".*?<strong>pork</strong>'),
        ("LaTeX", r'data-mime-type="text/latex".*?\\frac\{1\}\{n\+1\}'),
        ("SVG", r'data-mime-type="image/svg\+xml".*?(<circle|src="data:image/svg\+xml;base64,PHN2Zy)'),
        ("an image", r'<img[^>]*src="data:image/png;base64,iVBORw0KGgo[^"]*" width="192"'),
        ("a table", r"<table.*?<th[^>]*>price</th>.*?>mantou<.*?4,995 more rows.*?</table>"),
        ("an output that was replaced", r'<progress max="10" value="10"></progress> 100 %'),
        ("a named output that was replaced", r"a bun"),
        ("an error", r"RenderedText.*?there is no such file"),
        ("an object of one's own", r"<span style=.color: hsl\(19 80% 40%\).>92 °C</span>"),
    ],
)
def test_the_page_shows(execute: Execute, kind: str, looks: str) -> None:
    assert re.search(looks, execute(rich()).shown, re.DOTALL), kind


def test_what_has_been_replaced_is_not_shown(execute: Execute) -> None:
    shown = execute(rich()).shown
    assert 'value="0"' not in shown
    assert "raw dough" not in shown
    assert "prove" not in shown


def test_a_chart_is_a_bundle_with_its_data(execute: Execute) -> None:
    mime = "application/vnd.vegalite.v5+json"
    (chart,) = (output.data[mime] for output in execute(rich()).outputs if mime in output.get("data", {}))
    assert chart["mark"] == "bar"
    assert {row["bun"] for row in chart["data"]["values"]} == {"bao", "anpan", "mantou"}


def test_a_table_is_data_for_tools_too(execute: Execute) -> None:
    mime = "application/vnd.dataresource+json"
    tables = [output.data[mime] for output in execute(rich()).outputs if mime in output.get("data", {})]
    assert [len(table["data"]) for table in tables] == [5, 2, 3]


# -- what the kernel itself shows -------------------------------------------------------------------------------------


def test_the_page_of_a_notebook_that_looks_at_its_sandbox_says_what_it_saw(execute: Execute, tmp_path: Path) -> None:
    path = tmp_path / "looks.ipynb"
    sources = ["%sandbox_stats", "%sandbox_health", "%sandbox_stats --cells 5", "%sandbox_stats --live", "%vars"]
    cells = [nbformat.v4.new_code_cell(source) for source in ["const bun = 'bao'", *sources]]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    notebook = execute(path)
    page = re.sub(r"<[^>]+>", " ", html.unescape(notebook.shown))
    for cell in notebook.cells[1:]:
        (bundle,) = (output.data for output in cell.outputs if DATA in output.data)
        assert "<table" in bundle["text/html"]
        said = re.sub(r"\x1b\[[0-9;]*m|[█░]", "", bundle["text/plain"]).replace("FULL", "full")
        assert [word for word in said.split() if word not in page] == []
    assert notebook.shown.count("<table") == len(sources)


def test_the_last_picture_of_a_saved_notebook_is_on_its_page(fresh: Notebook) -> None:
    data = Live(fresh).next()["content"]["data"]
    cell = nbformat.v4.new_code_cell("%sandbox_stats --live", outputs=[nbformat.v4.new_output("display_data", data)])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    shown = page[page.index("<main") :]
    assert re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown) == re.findall(
        r"base64,([^\"]+)", data["text/html"]
    )
    assert len(re.findall(r"<tr>.*?<img .*?</tr>", shown)) == 4
    assert "As of" in shown


def rich() -> Path:
    return next(path for path in NOTEBOOKS if path.stem == "02_rich_outputs")
