"""What a person sees who uses the kernel in JupyterLab."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

KERNEL = "bun_sandbox"
DISPLAY_NAME = "Bun (Sandboxed)"
LOGO = Path(__file__).parents[2] / "kernelspec" / "logo-svg.svg"

RED = re.compile(r"rgb\((1[5-9]\d|2\d\d), \d{1,2}, \d{1,2}\)")

TYPED = """\
interface Point { x: number }
const p: Point = {x: 1}"""

STREAMING = """\
console.log("rising");
await Bun.sleep(3000);
console.log("steamed");
p.x + 41"""


class Notebook:
    """The one open notebook, whose last cell is the next to be written."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")
        self.status_bar = page.locator("#jp-main-statusbar")

    def write(self, source: str) -> Locator:
        cell = self.cells.nth(self.cells.count() - 1)
        cell.locator(".cm-content").fill(source)
        return cell

    def start(self, source: str) -> Locator:
        cell = self.write(source)
        cell.locator(".cm-content").press("Shift+Enter")
        return cell

    def run(self, source: str, count: int) -> Locator:
        """Run a cell to its end, which its execution count marks."""
        cell = self.start(source)
        expect(input_prompt(cell)).to_have_text(f"[{count}]:")
        self.expect_status("Idle")
        return cell

    def choose_in_kernel_menu(self, label: str) -> None:
        bar = self.page.locator(".lm-MenuBar-itemLabel")
        bar.get_by_text("Kernel", exact=True).click()
        items = self.page.locator(".lm-Menu-itemLabel")
        items.get_by_text(label, exact=True).click()

    def expect_status(self, status: str) -> None:
        """Await what the status bar says; it names the kernel once there is one."""
        text = f"{DISPLAY_NAME} | {status}"
        expect(self.status_bar.get_by_text(text, exact=True)).to_be_visible()


def input_prompt(cell: Locator) -> Locator:
    return cell.locator(".jp-InputPrompt")


def output(cell: Locator) -> Locator:
    return cell.locator(".jp-OutputArea-output")


def result(cell: Locator) -> Locator:
    return cell.locator(".jp-OutputArea-executeResult")


def launcher_card(page: Page) -> Locator:
    cards = page.locator(".jp-LauncherCard[data-category='Notebook']")
    return cards.filter(has_text=DISPLAY_NAME)


def token(cell: Locator, text: str) -> Locator:
    """The first span of the editor that marks exactly this text."""
    exact = re.compile(f"^{re.escape(text)}$")
    return cell.locator(".cm-line span").filter(has_text=exact).first


def colour(element: Locator) -> str:
    return str(element.evaluate("element => getComputedStyle(element).color"))


def picture(page: Page, path: Path) -> None:
    """Photograph the notebook alone, its file browser folded away."""
    page.keyboard.press("Control+b")
    expect(page.locator("#jp-left-stack")).to_be_hidden()
    page.set_viewport_size({"width": 960, "height": 420})
    page.screenshot(path=path)


@pytest.fixture
def notebook(page: Page) -> Notebook:
    launcher_card(page).click()
    notebook = Notebook(page)
    notebook.expect_status("Idle")
    return notebook


def test_the_launcher_shows_the_kernel_with_our_logo(page: Page) -> None:
    logo = launcher_card(page).locator("img.jp-Launcher-kernelIcon")
    expect(logo).to_have_attribute("src", re.compile(f"/{KERNEL}/logo-svg.svg"))
    expect(logo).not_to_have_js_property("naturalWidth", 0)
    shown = page.request.get(str(logo.evaluate("img => img.src")))
    assert shown.body() == LOGO.read_bytes()


def test_a_notebook_highlights_typescript(notebook: Notebook) -> None:
    cell = notebook.write(TYPED)
    plain = colour(cell.locator(".cm-line").first)
    for word in ("interface", "Point", "const", "1"):
        expect(token(cell, word)).not_to_have_css("color", plain)
    assert colour(token(cell, "interface")) == colour(token(cell, "const"))


def test_stdout_streams_before_the_last_value_comes(notebook: Notebook, screenshots: Path) -> None:
    notebook.run(TYPED, count=1)
    cell = notebook.start(STREAMING)
    expect(output(cell)).to_have_text("rising\n")
    expect(input_prompt(cell)).to_have_text("[*]:")
    expect(input_prompt(cell)).to_have_text("[2]:")
    expect(output(cell).first).to_have_text("rising\nsteamed\n")
    expect(result(cell)).to_contain_text("[2]:")
    expect(result(cell)).to_contain_text("42")
    if os.environ.get("E2E_SCREENSHOTS"):
        picture(notebook.page, screenshots / "jupyterlab.png")


def test_a_throwing_cell_shows_a_red_traceback(notebook: Notebook) -> None:
    cell = notebook.run('throw new RangeError("too hot")', count=1)
    expect(output(cell)).to_contain_text("too hot")
    name = output(cell).locator("span").filter(has_text="RangeError").first
    expect(name).to_have_css("color", RED)


def test_interrupt_ends_an_endless_loop_and_keeps_the_variables(notebook: Notebook) -> None:
    notebook.run("const kept = 41", count=1)
    notebook.start("while (true) {}")
    notebook.expect_status("Busy")
    notebook.choose_in_kernel_menu("Interrupt Kernel")
    notebook.expect_status("Idle")
    expect(result(notebook.run("kept + 1", count=3))).to_contain_text("42")


def test_restart_forgets_the_variables(notebook: Notebook) -> None:
    notebook.run("const kept = 41", count=1)
    notebook.choose_in_kernel_menu("Restart Kernel…")
    notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    answer = notebook.run("typeof kept", count=1)
    expect(result(answer)).to_contain_text("undefined")
