"""What a person sees who moves files by clicking."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.notebook import Notebook, launcher_card, output


def test_a_file_is_chosen_in_the_browser_and_a_button_saves_one_beside_the_notebook(page: Page, tmp_path: Path) -> None:
    chosen = tmp_path / "buns.csv"
    chosen.write_text("bao,12")
    launcher_card(page).click()
    notebook = Notebook(page)
    notebook.expect_status("Idle")

    upload = notebook.run("%upload")
    with page.expect_file_chooser() as choosing:
        upload.get_by_role("button", name="Upload").click()
    choosing.value.set_files(chosen)
    expect(upload.get_by_text("buns.csv: 6 B uploaded.")).to_be_visible()

    notebook.run("await Bun.write('baked.csv', await Bun.file('buns.csv').text())")
    download = notebook.run("%download")
    download.get_by_role("button", name="Save").first.click()
    expect(download.get_by_text("baked.csv: 6 B saved in the notebook's folder.")).to_be_visible()

    expect(output(notebook.run("%files"))).to_contain_text("buns.csv")
    load = notebook.run("%%writefile lib.ts\nconst total = 42;")
    expect(output(load)).to_contain_text("Wrote /sandbox/code/lib.ts")
    loaded = notebook.start("%load lib.ts")
    expect(loaded.locator(".cm-content")).to_have_text("const total = 42;")
