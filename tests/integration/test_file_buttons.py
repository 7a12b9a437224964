"""Buttons that move files, pressed as a browser does: by comms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.kernels import SECONDS, Message, Notebook, kernel


@pytest.fixture(scope="module")
def notebook(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with kernel(tmp_path_factory.mktemp("buttons")) as notebook:
        notebook.run("import * as fs from 'node:fs'")
        yield notebook


def models(published: list[Message], name: str) -> dict[str, dict[str, Any]]:
    """Return the states of the widgets of one kind, by their comms."""
    opened = [m.content for m in published if m.kind == "comm_open"]
    states = {content["comm_id"]: content["data"]["state"] for content in opened}
    return {comm: state for comm, state in states.items() if state["_model_name"] == name}


def tell(notebook: Notebook, comm: str, data: dict[str, Any], buffers: list[bytes]) -> None:
    session, channel = notebook.client.session, notebook.client.shell_channel
    session.send(channel.socket, session.msg("comm_msg", {"comm_id": comm, "data": data}), buffers=buffers)


def label(notebook: Notebook, accepts: Callable[[str], bool]) -> str:
    """Wait until a label says what is waited for."""
    while True:
        message = notebook.client.get_iopub_msg(timeout=SECONDS)
        if message["msg_type"] == "comm_msg":
            value = message["content"]["data"].get("state", {}).get("value")
            if isinstance(value, str) and accepts(value):
                return value


def choose(notebook: Notebook, comm: str, name: str, content: bytes) -> str:
    file = {"name": name, "type": "text/csv", "size": len(content), "last_modified": 0}
    state = {"method": "update", "state": {"value": [file]}, "buffer_paths": [["value", 0, "content"]]}
    tell(notebook, comm, state, [content])
    return label(notebook, lambda value: "Files go to" not in value)


def test_a_chosen_file_lands_in_the_sandbox_and_replaces_nothing(notebook: Notebook) -> None:
    reply, published = notebook.run("%upload")
    assert reply["status"] == "ok"
    (comm,) = models(published, "FileUploadModel")
    (shown,) = (m.content["data"] for m in published if m.kind == "display_data")
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert choose(notebook, comm, "data.csv", b"a,b") == "data.csv: 3 B uploaded."
    assert "already" in choose(notebook, comm, "data.csv", b"c,d")
    assert "is no path" in choose(notebook, comm, "../x", b"")
    assert notebook.value("fs.readFileSync('data.csv', 'utf8')") == '"a,b"'


def test_a_button_saves_a_file_in_the_notebook_s_folder_and_replaces_nothing(notebook: Notebook, folder: Path) -> None:
    notebook.value("fs.rmSync('data.csv', { force: true }), fs.writeFileSync('out.csv', '1,2'), 0")
    notebook.value("fs.writeFileSync('.profile', ''), 0")
    _, published = notebook.run("%download")
    hidden, out = models(published, "ButtonModel")
    tell(notebook, out, {"method": "custom", "content": {"event": "click"}}, [])
    assert label(notebook, lambda value: "out.csv: " in value) == "out.csv: 3 B saved in the notebook's folder."
    assert (folder / "out.csv").read_text() == "1,2"
    tell(notebook, out, {"method": "custom", "content": {"event": "click"}}, [])
    assert label(notebook, lambda value: "already" in value)
    tell(notebook, hidden, {"method": "custom", "content": {"event": "click"}}, [])
    assert label(notebook, lambda value: "hidden" in value)
    assert [path.name for path in folder.iterdir()] == ["out.csv"]
