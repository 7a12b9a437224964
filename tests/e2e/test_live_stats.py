"""What a person sees who follows a sandbox in JupyterLab."""

import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Lab
from tests.e2e.notebook import Notebook, launcher_card

WORK = """\
const kept: Uint8Array[] = [];
for (let turn = 0; turn < 40; turn++) {
  kept.push(new Uint8Array(3 << 20).fill(1));
  const end = Date.now() + 25 * (turn % 10);
  while (Date.now() < end);
  await Bun.sleep(60);
}"""


@pytest.fixture
def notebook(page: Page) -> Notebook:
    launcher_card(page).click()
    notebook = Notebook(page)
    notebook.expect_status("Idle")
    return notebook


def picture(cell: Locator) -> Locator:
    return cell.locator(".jp-RenderedHTMLCommon", has=cell.page.locator("table"))


def button(cell: Locator, name: str) -> Locator:
    return cell.locator(".jupyter-widgets.jupyter-button", has_text=name)


def last_activity(lab: Lab) -> str:
    (kernel,) = json.loads(lab.get("api/kernels"))
    return str(kernel["last_activity"])


def wait_for_pictures(cell: Locator, count: int) -> None:
    """Wait until the picture has been replaced so often: it says its time."""
    for _ in range(count):
        shown = picture(cell).inner_text()
        expect(picture(cell)).not_to_have_text(shown, use_inner_text=True)


def photograph(page: Page, path: Path) -> None:
    if os.environ.get("E2E_SCREENSHOTS"):
        page.screenshot(path=path)


def test_a_panel_moves_while_cells_run_and_is_a_still_picture_once_stopped(
    notebook: Notebook, screenshots: Path
) -> None:
    cell = notebook.run("%sandbox_stats --live --interval 0.5")
    expect(button(cell, "Start")).to_be_disabled()
    expect(button(cell, "Stop")).to_be_enabled()
    notebook.start(WORK)
    wait_for_pictures(cell, 3)
    expect(picture(cell).locator("img")).to_have_count(4)
    expect(picture(cell).locator("img").first).not_to_have_js_property("naturalWidth", 0)
    wait_for_pictures(cell, 4)
    photograph(notebook.page, screenshots / "stats-live.png")
    button(cell, "Stop").click()
    expect(picture(cell)).to_contain_text(re.compile(r"As of \d\d:\d\d:\d\d, stopped"))
    expect(button(cell, "Start")).to_be_enabled()
    notebook.expect_status("Idle")
    photograph(notebook.page, screenshots / "stats-stopped.png")
    button(cell, "Start").click()
    expect(picture(cell)).not_to_contain_text("stopped")


def test_a_panel_that_moves_is_no_activity(notebook: Notebook, lab: Lab) -> None:
    cell = notebook.run("%sandbox_stats --live --interval 0.5")
    wait_for_pictures(cell, 2)
    before = last_activity(lab)
    wait_for_pictures(cell, 3)
    assert last_activity(lab) == before
    notebook.run("1 + 1")
    assert last_activity(lab) > before


def test_a_restart_leaves_the_last_picture_and_the_notebook_works(notebook: Notebook, screenshots: Path) -> None:
    cell = notebook.run("%sandbox_stats --live")
    wait_for_pictures(cell, 2)
    notebook.choose_in_kernel_menu("Restart Kernel…")
    notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(picture(cell)).to_contain_text("As of")  # JupyterLab is deaf while a kernel restarts
    again = notebook.run("%sandbox_stats --live", count=1)
    wait_for_pictures(again, 2)
    photograph(notebook.page, screenshots / "stats-restarted.png")


def test_a_reopened_notebook_that_is_not_trusted_shows_all_but_the_buttons(
    notebook: Notebook, lab: Lab, screenshots: Path
) -> None:
    notebook.run("%sandbox_stats on")
    live = notebook.run("%sandbox_stats --live")
    notebook.run("const text = 'x'.repeat(5 << 20); 1")
    wait_for_pictures(live, 3)
    button(live, "Stop").click()
    expect(picture(live)).to_contain_text("stopped")
    notebook.run("%sandbox_stats --cells")
    page = notebook.page
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "contents" in answer.url):
        page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='save']").click()
        page.locator(".jp-Dialog .jp-mod-accept").click()  # the first time, a notebook is given its name
    (session,) = json.loads(lab.get("api/sessions"))
    foreign = json.loads(lab.get(f"api/contents/{session['path']}?content=1"))["content"]
    foreign["cells"][0]["source"] += " // not what was signed"
    for cell in foreign["cells"]:
        cell["metadata"].pop("trusted", None)
    page.request.put(
        f"{lab.base}api/contents/foreign.ipynb",
        headers={"Authorization": f"token {lab.token}"},
        data=json.dumps({"type": "notebook", "format": "json", "content": foreign}),
    )
    page.goto(f"{lab.base}lab/tree/foreign.ipynb?reset&token={lab.token}")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    shown = cells.nth(1)
    expect(picture(shown)).to_contain_text("stopped")
    expect(picture(shown).locator("meter")).to_have_count(4)
    expect(picture(shown).locator("img").first).not_to_have_js_property("naturalWidth", 0)
    expect(shown).to_contain_text("Run the cell again")  # in place of the buttons, which are not safe
    expect(cells.nth(2)).to_contain_text(re.compile(r"ok · .+ · peak .+"))
    expect(cells.nth(3).locator("table")).to_contain_text("Peak memory")
    photograph(page, screenshots / "stats-untrusted.png")
