"""Files between the notebook's folder and the sandbox, and programs that are in files."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import PurePosixPath
from typing import NamedTuple

from .. import filebuttons, transfers, views
from ..errors import FileError, UsageError
from ..names import CODE_FOLDER, inside, visible
from ..progress import reporting
from ..sizes import size
from ..transfers import Transfer
from ..transport import Content
from .call import Arguments, Call

_MAX_TEXT_BYTES = 1 << 20
"""Of a program that is run or loaded: what a cell may have."""


async def listing(call: Call) -> None:
    """List the files in the sandbox, and what room is left.

    Usage: %files [FOLDER]
    """
    arguments = Arguments(call)
    arguments.add_argument("folder", nargs="?", default="", metavar="FOLDER")
    folder = inside(arguments.read().folder)
    call.display(views.files.bundle(folder, await (await call.place.session()).list_files(folder)))


async def upload(call: Call) -> None:
    """Copy files from the notebook's folder into the sandbox.

    Usage: %upload [FILE ...] [--to NAME] [--force]

    --to NAME  call it so in the sandbox; for one file
    --force    replace what is there
    Without a file, a button takes files from the computer of whoever looks at the notebook.
    """
    asked = _transfers(call)
    most = call.place.settings.policy().code_bytes
    if not asked:
        call.display(filebuttons.upload(call.place.lease))
        return
    folder = call.place.folder
    for transfer in asked:
        transfers.check_upload(folder, transfer, most)
    session = await call.place.session()
    for transfer in asked:
        target = inside(transfer.target)
        with reporting(call.place.show, f"Uploading {visible(transfer.source)}") as report:
            copied = await transfers.upload(session, folder, Transfer(transfer.source, target, transfer.force), report)
        call.say(f"{visible(transfer.source)} → {visible(f'{CODE_FOLDER}/{target}')} ({size(copied)})\n")


async def download(call: Call) -> None:
    """Copy files from the sandbox into the notebook's folder.

    Usage: %download [FILE ...] [--to NAME] [--force]

    --to NAME  call it so in the notebook's folder; for one file
    --force    replace what is there
    Without a file, there is a button for each.
    """
    asked = _transfers(call)
    most, folder = call.place.settings.policy().code_bytes, call.place.folder
    for transfer in asked:
        folder.check_free(transfer.target, replace=transfer.force)
    session = await call.place.session()
    if not asked:
        call.display(filebuttons.download(call.place.lease, folder, await session.list_files(), most))
        return
    for transfer in asked:
        source = inside(transfer.source)
        with reporting(call.place.show, f"Downloading {visible(source)}") as report:
            copied = await transfers.download(
                session, folder, Transfer(source, transfer.target, transfer.force), most, report
            )
        call.say(f"{visible(f'{CODE_FOLDER}/{source}')} → {visible(transfer.target)} ({size(copied)})\n")


async def writefile(call: Call) -> None:
    """Write the cell to a file in the sandbox.

    Usage: %%writefile [-a] FILE

    -a  add it to the end of the file
    """
    arguments = Arguments(call)
    arguments.add_argument("-a", dest="append", action="store_true")
    arguments.add_argument("file", metavar="FILE")
    given = arguments.read()
    path = inside(given.file)
    text = call.body if call.body.endswith("\n") or not call.body else f"{call.body}\n"
    content = text.encode("utf-8", "replace")
    session = await call.place.session()
    written = await session.write_file(path, Content(len(content), (content,)), "append" if given.append else "replace")
    did = ("Added to" if given.append else "Overwrote") if written.existed else "Wrote"
    call.say(f"{did} {visible(f'{CODE_FOLDER}/{path}')} ({size(written.bytes)})\n")


async def run(call: Call) -> None:
    """Run a file of the notebook's folder, or else of the sandbox; its variables are there in later cells.

    Usage: %run FILE
    """
    source = await _source(call)
    call.say(f"Running {source.where}.\n")
    await call.place.run(f"//{source.text}" if source.text.startswith("#!") else source.text, source.name)


async def load(call: Call) -> None:
    """Put a file of the notebook's folder, or else of the sandbox, in the place of this cell's text.

    Usage: %load FILE
    """
    source = await _source(call)
    call.place.payload.append({"source": "set_next_input", "text": source.text, "replace": True})
    call.say(f"Loaded {source.where}.\n")


class _Source(NamedTuple):
    """A program, what it is called, and where it was found."""

    text: str
    name: str
    where: str


def _transfers(call: Call) -> list[Transfer]:
    arguments = Arguments(call)
    arguments.add_argument("files", nargs="*", metavar="FILE")
    arguments.add_argument("--to", metavar="NAME")
    arguments.add_argument("--force", action="store_true")
    given = arguments.read()
    if given.to is not None and len(given.files) != 1:
        arguments.error("--to names one file")
    if given.force and not given.files:
        arguments.error("--force needs a file")
    return [Transfer(file, given.to or PurePosixPath(file).name or file, given.force) for file in given.files]


async def _source(call: Call) -> _Source:
    """Read the file that the magic names."""
    arguments = Arguments(call)
    arguments.add_argument("file", metavar="FILE")
    path = arguments.read().file
    content, where = _local(call, path) or await _remote(call, path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{where} is not text in UTF-8.", "Give a TypeScript or JavaScript file.") from None
    return _Source(text, visible(path), where)


def _local(call: Call, path: str) -> tuple[bytes, str] | None:
    folder = call.place.folder
    if path.startswith(f"{CODE_FOLDER}/") or not folder.holds(path):
        return None
    with folder.reading(path) as file:
        if file.size > _MAX_TEXT_BYTES:
            raise FileError(
                f"{visible(path)} has {size(file.size)}; a program may have {size(_MAX_TEXT_BYTES)}.",
                "`%upload` it and import it, or split it.",
            )
        return b"".join(file.pieces), f"{visible(path)} of the notebook's folder"


async def _remote(call: Call, path: str) -> tuple[bytes, str]:
    session = await call.place.session()
    target = inside(path)
    try:
        async with aclosing(session.read_file(target, _MAX_TEXT_BYTES)) as pieces:
            content = b"".join([piece async for piece in pieces])
    except FileError as error:
        elsewhere = "" if path.startswith(CODE_FOLDER) else f"{visible(path)} is not in the notebook's folder. "
        raise FileError(f"{elsewhere}{error.message}", error.remedy) from error
    return content, visible(f"{CODE_FOLDER}/{target}")
