"""Files between the notebook's folder and the sandbox, both ways.

Law: a transfer is checked at both ends before anything moves, and one that fails or is interrupted leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass

from .answers import WriteMode
from .engines import Progress, Report
from .errors import FileError
from .folder import NotebookFolder
from .names import visible
from .session import Session
from .sizes import size
from .transport import Content


@dataclass(frozen=True, slots=True)
class Transfer:
    """One file on its way; paths are below the notebook's folder and the sandbox's working folder."""

    source: str
    target: str
    force: bool


def check_upload(folder: NotebookFolder, transfer: Transfer, most_bytes: int) -> None:
    """Raise FileError when a file of the notebook's folder cannot be taken."""
    with folder.reading(transfer.source) as file:
        if file.size > most_bytes:
            raise FileError(
                f"{visible(transfer.source)} has {size(file.size)}; the sandbox's working folder holds "
                f"{size(most_bytes)}.",
                "Start the kernel with a larger BUN_SANDBOX_CODE, or take a part of the file.",
            )


async def upload(session: Session, folder: NotebookFolder, transfer: Transfer, report: Report) -> int:
    """Copy a file into the sandbox, and return its size in bytes. Raises FileError and SandboxDied."""
    with folder.reading(transfer.source) as file:
        pieces = _reported(file.pieces, file.size, f"Uploading {visible(transfer.source)}", report)
        mode: WriteMode = "replace" if transfer.force else "create"
        return (await session.write_file(transfer.target, Content(file.size, pieces), mode)).bytes


async def download(
    session: Session, folder: NotebookFolder, transfer: Transfer, most_bytes: int, report: Report
) -> int:
    """Copy a file into the notebook's folder, and return its size in bytes. Raises FileError and SandboxDied."""
    count = 0
    folder.check_free(transfer.target, replace=transfer.force)
    async with aclosing(session.read_file(transfer.source, most_bytes)) as pieces:
        first = await anext(pieces, b"")  # a file that is not there makes no file here
        with folder.writing(transfer.target, replace=transfer.force) as write:
            write(first)
            count += len(first)
            async for piece in pieces:
                write(piece)
                count += len(piece)
                report(Progress(f"Downloading {visible(transfer.source)}: {size(count)}"))
    return count


def _reported(pieces: Iterator[bytes], total: int, text: str, report: Report) -> Iterator[bytes]:
    sent = 0
    for piece in pieces:
        yield piece
        sent += len(piece)
        report(Progress(text, sent / total))
