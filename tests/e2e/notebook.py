"""JupyterLab's parts by the names that a person has for them."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

DISPLAY_NAME = "Bun (Sandboxed)"
Place = tuple[float, float]
COUNTED = re.compile(r"\[\d+\]:")


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

    def run(self, source: str, count: int | None = None) -> Locator:
        """Run a cell to its end, which its execution count marks."""
        cell = self.start(source)
        expect(input_prompt(cell)).to_have_text(COUNTED if count is None else f"[{count}]:")
        self.expect_status("Idle")
        return cell

    def stop_button(self) -> Place:
        return place(self.page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='interrupt']"))

    def press(self, at: Place) -> None:
        """Press what is there, as a hand does: without asking a page that is busy whether it is ready."""
        self.page.mouse.click(*at)

    def heap_bytes(self) -> int:
        """What the page's scripts hold on to."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")["usedSize"]
        session.detach()
        return int(used)

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


def number(cell: Locator) -> int:
    """The execution count of a cell that has run."""
    return int(input_prompt(cell).inner_text().strip("[]:"))


def place(element: Locator) -> Place:
    """The middle of an element, in the page's pixels."""
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def error(cell: Locator) -> Locator:
    return cell.locator("[data-mime-type='application/vnd.jupyter.stderr']")


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
