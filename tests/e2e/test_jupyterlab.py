"""What a person sees who uses the kernel in JupyterLab."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import eventually
from tests.e2e.conftest import KERNEL
from tests.e2e.notebook import (
    Notebook,
    colour,
    error,
    input_prompt,
    launcher_card,
    number,
    output,
    picture,
    result,
    token,
)

LOGO = Path(__file__).parents[2] / "kernelspec" / "logo-svg.svg"

PINK = re.compile(r"rgb\(25\d, 2[12]\d, 2[12]\d\)")
"""What JupyterLab puts behind errors."""
RED = re.compile(r"rgb\((1[5-9]\d|2\d\d), \d{1,2}, \d{1,2}\)")

FLOODED_MS = 3000
"""Long enough for a hundred times what a cell may print."""
MAX_HEAP_GROWTH_BYTES = 100 << 20

TYPED = """\
interface Point { x: number }
const p: Point = {x: 1}"""

BAKERY = """\
/** Works the dough. */
function knead(grams: number): number {
  if (grams <= 0) throw new RangeError(`no dough: ${grams} g`);
  return grams * 1.02;
}"""

STUCK_IN_A_TIMER = """\
let turns = 0;
setTimeout(() => { console.log("stuck"); for (;;) turns++; }, 10);
await new Promise(() => {});"""

PROGRESS = """\
const bar = await display(html`<b>0 %</b>`);
console.log("below");
await input("Go on?");
await bar.update(html`<b>100 %</b>`);"""

FLOOD = """\
for (let line = 0; line < 50_000; line++) console.log("x".repeat(99));  // more than a server takes in the time
for (;;) console.log("x");"""

CHART = """\
const minutes = [{ bun: "bao", minutes: 12 }, { bun: "anpan", minutes: 18 }, { bun: "mantou", minutes: 15 }];
await display({
  $schema: "https://vega.github.io/schema/vega-lite/v5.json",
  width: 300,
  data: { values: minutes },
  mark: { type: "bar", color: "#ff0000" },
  encoding: { x: { field: "minutes", type: "quantitative" }, y: { field: "bun", type: "nominal" } },
});"""

RED_PIXELS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let red = 0;
  for (let at = 0; at < data.length; at += 4) red += data[at] > 250 && data[at + 1] < 5 && data[at + 2] < 5;
  return red / (canvas.width * canvas.height);
}"""

STREAMING = """\
console.log("rising");
await Bun.sleep(3000);
console.log("steamed");
p.x + 41"""


@pytest.fixture
def notebook(page: Page) -> Notebook:
    launcher_card(page).click()
    notebook = Notebook(page)
    notebook.expect_status("Idle")
    return notebook


@pytest.fixture(scope="module")
def lasting_notebook(lasting_page: Page) -> Notebook:
    launcher_card(lasting_page).click()
    notebook = Notebook(lasting_page)
    notebook.expect_status("Idle")
    return notebook


@pytest.fixture
def shared(lasting_notebook: Notebook, shared_page: Page) -> Notebook:
    """A notebook in which other tests have written too."""
    return lasting_notebook


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


# -- what is typed, in a notebook that is shared ----------------------------------------------------------------------


def test_tab_shows_the_variables_of_earlier_cells(shared: Notebook) -> None:
    shared.run("const zebraCrossing = 41, zebraCount = 2")
    cell = shared.write("zebraC")
    cell.locator(".cm-content").press("Tab")
    matches = shared.page.locator(".jp-Completer .jp-Completer-match")
    expect(matches).to_have_text(["zebraCount", "zebraCrossing"])
    matches.filter(has_text="zebraCrossing").click()
    expect(cell.locator(".cm-content")).to_have_text("zebraCrossing")
    expect(result(shared.run("zebraCrossing + 1"))).to_contain_text("42")


def test_shift_tab_shows_the_signature_and_the_comment(shared: Notebook) -> None:
    shared.run(BAKERY)
    shared.write("knead").locator(".cm-content").press("Shift+Tab")
    tooltip = shared.page.locator(".jp-Tooltip")
    expect(tooltip).to_contain_text("knead(grams: number): number")
    expect(tooltip).to_contain_text("Works the dough.")
    shared.page.keyboard.press("Escape")
    expect(tooltip).to_be_hidden()


def test_prompt_shows_a_box_and_takes_the_answer(shared: Notebook) -> None:
    cell = shared.start('`Hello, ${prompt("Name?")}!`')
    expect(cell.locator(".jp-Stdin-prompt")).to_have_text(re.compile(r"^Name\? ?"))
    box = cell.locator(".jp-Stdin-input")
    box.fill("Ada 🥟")
    box.press("Enter")
    expect(result(cell)).to_contain_text('"Hello, Ada 🥟!"')
    shared.expect_status("Idle")


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_an_error_names_its_lines_and_points_at_its_place(shared: Notebook) -> None:
    declared = number(shared.run(BAKERY))
    cell = shared.run("const grams = -1;\nconst kneaded = knead(grams);")
    lines = error(cell).locator("pre").inner_text().splitlines()
    assert lines[:2] == ["RangeError: no dough: -1 g", f"    at knead, Cell [{declared}], line 3"]
    assert f"    at Cell [{declared + 1}], line 2" in lines
    caret = next(index for index, line in enumerate(lines) if line.strip() == "^")
    assert lines[caret - 1][lines[caret].index("^") :].startswith("RangeError(")
    expect(error(cell)).to_have_css("background-color", PINK)


def test_what_goes_to_the_error_stream_stands_out(shared: Notebook) -> None:
    cell = shared.run('console.log("calm"); console.error("loud", { count: 1 }); console.log("calm again")')
    expect(output(cell)).to_have_text(["calm\n", "loud {\n  count: 1,\n}\n", "calm again\n"])
    expect(output(cell).nth(1)).to_have_css("background-color", PINK)
    expect(output(cell).nth(2)).not_to_have_css("background-color", PINK)


def test_a_display_changes_in_its_place(shared: Notebook) -> None:
    cell = shared.start(PROGRESS)
    expect(output(cell).nth(0)).to_have_text("0 %")
    expect(output(cell).nth(1)).to_have_text("below\n")
    cell.locator(".jp-Stdin-input").press("Enter")
    expect(output(cell).nth(0)).to_have_text("100 %")
    expect(output(cell).locator("b")).to_have_count(1)
    expect(output(cell).nth(1)).to_have_text("below\n")
    shared.expect_status("Idle")


def test_rows_are_shown_as_a_table(shared: Notebook) -> None:
    cell = shared.run('await display.table([{ bun: "bao", price: 3 }, { bun: "<anpan>", price: 2.5 }]);')
    table = output(cell).locator("table")
    expect(table.locator("thead th")).to_have_text(["", "bun", "price"])
    expect(table.locator("tbody td")).to_have_text(["bao", "3", "<anpan>", "2.5"])
    assert float(table.locator("tbody tr").first.evaluate("row => row.getBoundingClientRect().height")) > 10


def test_a_vega_lite_specification_is_drawn(shared: Notebook, screenshots: Path) -> None:
    cell = shared.run(CHART)
    canvas = output(cell).locator("canvas")
    expect(canvas).to_be_visible()
    assert eventually(lambda: 0.1 < canvas.evaluate(RED_PIXELS) < 0.9)
    if os.environ.get("E2E_SCREENSHOTS"):
        cell.scroll_into_view_if_needed()
        shared.page.screenshot(path=screenshots / "chart.png")


# -- what is stopped --------------------------------------------------------------------------------------------------


def test_the_stop_button_ends_a_timer_that_never_returns_and_keeps_the_variables(shared: Notebook) -> None:
    cell = shared.start(STUCK_IN_A_TIMER)
    expect(output(cell)).to_have_text("stuck\n")
    shared.press(shared.stop_button())
    expect(error(cell)).to_contain_text("KeyboardInterrupt")
    shared.expect_status("Idle")
    expect(result(shared.run("turns > 0"))).to_contain_text("true")


def test_the_stop_button_ends_a_flood_and_the_page_can_still_be_used(shared: Notebook) -> None:
    shared.run("const kept = 41")
    stop = shared.stop_button()
    before = shared.heap_bytes()
    cell = shared.start(FLOOD)
    expect(output(cell).first).to_be_visible()
    shared.page.wait_for_timeout(FLOODED_MS)
    shared.press(stop)
    expect(error(cell).last).to_contain_text("KeyboardInterrupt")
    shared.expect_status("Idle")
    expect(output(cell).filter(has_text="bytes of output left out")).to_be_visible()
    expect(result(shared.run("kept + 1"))).to_contain_text("42")
    assert shared.heap_bytes() - before < MAX_HEAP_GROWTH_BYTES
