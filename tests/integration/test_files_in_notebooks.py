"""What a person sees who moves files between the notebook's folder and the sandbox."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bun_sandbox_kernel.views import DATA
from tests.integration.kernels import ANSI, Message, Notebook, errors, kernel, text

IMPORT = "import * as fs from 'node:fs'"


@pytest.fixture(scope="module")
def notebook(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with kernel(tmp_path_factory.mktemp("files")) as notebook:
        notebook.run(IMPORT)
        yield notebook


@pytest.fixture(autouse=True)
def _both_folders_are_empty(notebook: Notebook, folder: Path) -> None:
    notebook.value("fs.readdirSync('.').forEach((name) => fs.rmSync(name, { recursive: true })), 0")
    for path in folder.iterdir():
        path.unlink()


def said(notebook: Notebook, code: str) -> str:
    reply, published = notebook.run(code)
    assert reply["status"] == "ok", reply
    return text(published)


def refused(notebook: Notebook, folder: Path, code: str) -> str:
    """Return why a magic is refused; nothing has changed then, and the kernel lives."""
    here, there = names(folder), in_sandbox(notebook)
    reply, _ = notebook.run(code, stop_on_error=False)
    assert reply["status"] == "error"
    assert (names(folder), in_sandbox(notebook)) == (here, there)
    return str(reply["evalue"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_sandbox(notebook: Notebook) -> list[str]:
    listed = notebook.run("console.log(JSON.stringify(fs.readdirSync('.').sort()))")[1]
    return [str(name) for name in json.loads(text(listed))]


# -- up and down -------------------------------------------------------------------------------------------------------


def test_a_file_goes_up_and_comes_back(notebook: Notebook, folder: Path) -> None:
    content = os.urandom(30 << 20)
    (folder / "data.bin").write_bytes(content)
    assert said(notebook, "%upload data.bin") == "data.bin → /sandbox/code/data.bin (30 MB)\n"
    assert said(notebook, "%download data.bin --to back.bin") == "/sandbox/code/data.bin → back.bin (30 MB)\n"
    assert (folder / "back.bin").read_bytes() == content


def test_several_go_at_once_and_under_another_name(notebook: Notebook, folder: Path) -> None:
    for name in ("a", "b c", "d"):
        (folder / name).write_text(name)
    said(notebook, "%upload a 'b c'\n%upload d --to e")
    assert in_sandbox(notebook) == ["a", "b c", "e"]
    notebook.value("fs.mkdirSync('out'), fs.writeFileSync('out/plot.png', 'png'), 0")
    said(notebook, "%download out/plot.png e --force")
    assert (folder / "plot.png").read_text() == "png"
    assert (folder / "e").read_text() == "d"


def test_nothing_is_replaced_unless_force_says_so(notebook: Notebook, folder: Path) -> None:
    (folder / "a").write_text("here")
    said(notebook, "%upload a")
    notebook.value("fs.writeFileSync('a', 'there'), 0")
    assert "--force" in refused(notebook, folder, "%upload a")
    assert "--force" in refused(notebook, folder, "%download a")
    assert (folder / "a").read_text() == "here"
    assert notebook.value("fs.readFileSync('a', 'utf8')") == '"there"'
    said(notebook, "%download a --force")
    assert (folder / "a").read_text() == "there"
    said(notebook, "%upload a --force")


@pytest.mark.parametrize(
    "code",
    [
        "%upload /etc/passwd",
        "%upload ../secret",
        "%upload link",
        "%upload none",
        "%upload .",
        "%upload 'a\\nb'",
        "%upload ''",
        "%upload pipe",
        "%upload large",
        "%upload own none",
        "%upload own --to ../x",
        "%upload own --to /etc/x",
        "%upload own --to none/x",
        "%upload own pipe --to x",
        "%upload --to x",
        "%upload --force",
        "%upload own --forc",
        "%upload 'own",
        "%download none",
        "%download /etc/passwd",
        "%download ../../etc/passwd",
        "%download there --to ../x",
        "%download there --to /tmp/x",
        "%download there --to .profile",
        "%download there --to none/x",
        "%download there --to pipe --force",
        "%download there --to link --force",
        "%download folder",
        "%download trap",
        "%download 'a\nb'",
        "%files none",
        "%files ../..",
        "%%writefile\nx",
        "%%writefile ../x\nx",
        "%%writefile folder\nx",
        "%run none.ts",
        "%run ../none.ts",
        "%run pipe",
        "%load none.ts",
        "%load large",
        "%load",
    ],
)
def test_bad_input_is_a_sentence_and_the_usage_and_changes_nothing(notebook: Notebook, folder: Path, code: str) -> None:
    (folder / "own").write_text("own")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    with (folder / "large").open("wb") as large:
        large.truncate(1 << 40)
    notebook.value(
        "fs.writeFileSync('there', ''), fs.mkdirSync('folder'), fs.symlinkSync('/proc/self/environ', 'trap'), 0"
    )
    sentence = refused(notebook, folder, code)
    assert f"Usage: {code.split(maxsplit=1)[0]}" in sentence or "No closing quotation" in sentence
    assert sentence.isprintable()
    assert len(sentence) < 500


def test_an_interrupted_transfer_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    (folder / "large").write_bytes(bytes(95 << 20))
    limits = {"BUN_SANDBOX_CPUS": "0.1", "BUN_SANDBOX_MEMORY": "512m", "BUN_SANDBOX_CODE": "250m"}
    with kernel(tmp_path, **limits) as notebook:
        notebook.run(IMPORT)

        def interrupt(message: Message) -> None:
            if message.kind == "display_data":
                notebook.interrupt()

        notebook.value("fs.writeFileSync('there', Buffer.alloc(95 << 20)), 0")
        busy = "for (let i = 0; i < 20; i++) Bun.spawn([process.execPath, '-e', 'for (;;);'])"
        notebook.run(busy)
        for code in ("%upload large", "%download there --to here"):
            reply, published = notebook.run(code, during=interrupt, stop_on_error=False)
            assert reply["ename"] == "KeyboardInterrupt", (code, published)
            assert [error["ename"] for error in errors(published)] == ["KeyboardInterrupt"]
            assert names(folder) == ["large"]
        assert in_sandbox(notebook) == ["there"]


# -- lists -------------------------------------------------------------------------------------------------------------


def test_files_are_listed_with_sizes_and_room(notebook: Notebook) -> None:
    notebook.value("fs.writeFileSync('a.csv', 'x'.repeat(2048)), fs.mkdirSync('sub'), fs.writeFileSync('sub/b', ''), 0")
    (data,) = (m.content["data"] for m in notebook.run("%files")[1])
    assert re.search(r"^  a\.csv +2 KB  \d{4}-\d\d-\d\d \d\d:\d\d$", data["text/plain"], re.MULTILINE)
    assert re.search(r"^  sub/ ", data["text/plain"], re.MULTILINE)
    assert "files free" in data["text/html"]
    assert data[DATA]["total_bytes"] == 32 << 20
    (data,) = (m.content["data"] for m in notebook.run("%files sub")[1])
    assert data["text/plain"].startswith("/sandbox/code/sub\n  b ")


def test_a_hostile_name_is_shown_harmless(notebook: Notebook) -> None:
    notebook.value(r"fs.writeFileSync('\x1b]0;x\x07<script>\u202e\n', ''), 0")
    (data,) = (m.content["data"] for m in notebook.run("%files")[1])
    assert not re.search("[\x1b\x07\u202e]", data["text/plain"] + data["text/html"])
    assert "<script>" not in data["text/html"]


# -- programs ----------------------------------------------------------------------------------------------------------


def test_a_cell_is_written_replaced_and_added_to(notebook: Notebook) -> None:
    assert said(notebook, "%%writefile a.ts\nexport const a = 1;") == "Wrote /sandbox/code/a.ts (20 B)\n"
    assert said(notebook, "%%writefile -a a.ts\nexport const b = 2;").startswith("Added to")
    assert notebook.value("const { a, b } = await import('./a.ts'); [a, b]") == "[ 1, 2 ]"
    assert said(notebook, "%%writefile a.ts\n").startswith("Overwrote")


def test_a_program_of_the_notebook_s_folder_runs_and_leaves_its_variables(notebook: Notebook, folder: Path) -> None:
    (folder / "lib.ts").write_text(
        "#!/usr/bin/env bun\nconst total: number = 42;\nfunction fail() {\n  throw new Error('no');\n}\n"
    )
    assert "lib.ts of the notebook's folder" in said(notebook, "%run lib.ts")
    assert notebook.value("total") == "42"
    reply, _ = notebook.run("fail()", stop_on_error=False)
    assert traced(reply)[1:3] == ["    at fail, lib.ts, line 4", "     3 | function fail() {"]
    assert re.fullmatch(r"    at Cell \[\d+\], line 1", traced(reply)[-1])


def test_a_program_of_the_sandbox_runs_where_the_notebook_s_folder_has_none(notebook: Notebook, folder: Path) -> None:
    notebook.value("fs.writeFileSync('own.ts', 'var where = \"sandbox\"'), 0")
    assert "/sandbox/code/own.ts" in said(notebook, "%run own.ts")
    assert notebook.value("where") == '"sandbox"'
    (folder / "own.ts").write_text("var where = 'folder'")
    said(notebook, "%run own.ts")
    assert notebook.value("where") == '"folder"'
    said(notebook, "%run /sandbox/code/own.ts")
    assert notebook.value("where") == '"sandbox"'


def test_a_program_that_fails_ends_the_cell_with_its_error(notebook: Notebook, folder: Path) -> None:
    (folder / "bad.ts").write_text("\n\nnull.x\n")
    reply, _ = notebook.run("%run bad.ts", stop_on_error=False)
    assert reply["ename"] == "TypeError"
    assert traced(reply)[1] == "    at bad.ts, line 3"


def test_a_program_that_cannot_be_read_is_pointed_at_in_its_file(notebook: Notebook, folder: Path) -> None:
    (folder / "two words.ts").write_text("\nlet x = ;\n")
    reply, _ = notebook.run("%run 'two words.ts'", stop_on_error=False)
    assert reply["ename"] == "SyntaxError"
    assert traced(reply)[1] == "    at two words.ts, line 2"


def traced(reply: dict[str, Any]) -> list[str]:
    return [line for entry in reply["traceback"] for line in ANSI.sub("", entry).split("\n")]


def test_a_program_takes_the_place_of_the_cell(notebook: Notebook, folder: Path) -> None:
    (folder / "lib.ts").write_text("const x = 1\n")
    reply, published = notebook.run("%load lib.ts")
    assert reply["payload"] == [{"source": "set_next_input", "text": "const x = 1\n", "replace": True}]
    assert "lib.ts of the notebook's folder" in text(published)


# -- the folder itself -------------------------------------------------------------------------------------------------


def test_the_notebook_s_folder_is_shown_read_only_where_the_policy_says_so(tmp_path: Path, folder: Path) -> None:
    (folder / "data.csv").write_text("a,b")
    folder.chmod(0o755)
    with kernel(tmp_path, BUN_SANDBOX_MOUNT_NOTEBOOK_DIR="ro") as notebook:
        notebook.run(IMPORT)
        assert notebook.value("fs.readFileSync('/notebook/data.csv', 'utf8')") == '"a,b"'
        for change in ("writeFileSync('/notebook/x', '')", "rmSync('/notebook/data.csv')", "mkdirSync('/notebook/d')"):
            assert "EROFS" in str(notebook.run(f"fs.{change}", stop_on_error=False)[0]["evalue"])
        assert re.search(r"mount_notebook_dir +ro ", said(notebook, "%sandbox_limits"))
    assert names(folder) == ["data.csv"]


def test_a_notebook_s_folder_that_the_sandbox_cannot_read_is_said_in_a_sentence(tmp_path: Path, folder: Path) -> None:
    folder.chmod(0o700)
    try:
        with kernel(tmp_path, BUN_SANDBOX_MOUNT_NOTEBOOK_DIR="ro") as notebook:
            reply, _ = notebook.run("1", stop_on_error=False)
        assert f"cannot read the notebook's folder {folder}" in reply["evalue"]
        assert "chmod o+rx" in reply["evalue"]
    finally:
        folder.chmod(0o755)
