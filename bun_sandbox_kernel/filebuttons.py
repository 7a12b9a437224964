"""Buttons that move files, for those who would rather not type: widgets, and what is shown where there are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .answers import Listing
from .comms import widgets
from .errors import SandboxError
from .folder import NotebookFolder
from .lease import Lease
from .names import CODE_FOLDER, visible
from .sizes import size
from .transfers import Transfer
from .transfers import download as copy_here
from .transport import Content
from .views import files as view

_MOST_BUTTONS = 50
_UPLOAD_HINT = (
    f"Files go to {CODE_FOLDER}; none is replaced. Servers take about 7 MB at once this way: put larger ones into the "
    "notebook's folder, then `%upload NAME`."
)


def upload(lease: Lease) -> dict[str, Any]:
    """Return a button by which files of the browser's computer go to the sandbox."""
    kit = widgets()
    button, said = kit.FileUpload(multiple=True, description="Upload"), kit.Label(_UPLOAD_HINT)

    async def copy(chosen: tuple[Any, ...]) -> None:
        lines = [await _told(partial(_copy_there, lease, file["name"], bytes(file["content"]))) for file in chosen]
        button.value = ()
        said.value = " ".join(lines)

    def changed(change: dict[str, Any]) -> None:
        if change["new"]:
            _ = lease.background(copy(change["new"]))

    button.observe(changed, names="value")
    return _shown(kit.VBox([button, said]), {"text/plain": f"(a button to upload files) {_UPLOAD_HINT}"})


def download(lease: Lease, folder: NotebookFolder, listing: Listing, most_bytes: int) -> dict[str, Any]:
    """Return a button for each file of the sandbox's working folder that saves it in the notebook's."""
    kit = widgets()
    rows, fallback = [], view.bundle("", listing)
    files = [entry for entry in listing.entries if entry.kind == "file"]
    for entry in files[:_MOST_BUTTONS]:
        button = kit.Button(description="Save", tooltip="Save in the notebook's folder", icon="download")
        said = kit.Label(f"{visible(entry.name)} ({size(entry.bytes)})")

        async def save(name: str, said: Any) -> None:
            said.value = await _told(partial(_copy_here, lease, folder, name, most_bytes))

        def clicked(_: object, name: str = entry.name, said: Any = said) -> None:
            _ = lease.background(save(name, said))

        button.on_click(clicked)
        rows.append(kit.HBox([button, said]))
    if not rows:
        return fallback
    if len(files) > _MOST_BUTTONS:
        rows.append(kit.Label(f"{len(files) - _MOST_BUTTONS} more: `%files` lists them, `%download NAME` saves one."))
    return _shown(kit.VBox(rows), fallback)


async def _copy_there(lease: Lease, name: str, content: bytes) -> str:
    session = await lease.open()
    written = await session.write_file(name, Content(len(content), (content,)))
    return f"{visible(name)}: {size(written.bytes)} uploaded."


async def _copy_here(lease: Lease, folder: NotebookFolder, name: str, most_bytes: int) -> str:
    session = await lease.open()
    copied = await copy_here(session, folder, Transfer(name, name, force=False), most_bytes, lambda _: None)
    return f"{visible(name)}: {size(copied)} saved in the notebook's folder."


async def _told(work: Callable[[], Any]) -> str:
    """Return what became of it, in a sentence either way."""
    try:
        return str(await work())
    except SandboxError as error:
        return error.message


def _shown(widget: Any, fallback: dict[str, Any]) -> dict[str, Any]:
    return {**widget._repr_mimebundle_(), **fallback}
