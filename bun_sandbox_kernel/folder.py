"""The notebook's folder, as magics read and write it: the working folder of the kernel's process.

Law: nothing outside is opened, whatever links are there. A path is resolved first, then opened from the folder down
without following a link, so that a link which is swapped in between leads nowhere. Only regular files are read and
replaced, none is overwritten unasked, no hidden one is written, and a file appears as a whole or not at all.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from .errors import FileError
from .names import below, visible

PIECE_BYTES = 1 << 18
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Neither a link nor what waits for another side, such as a named pipe."""


class LocalFile(NamedTuple):
    """A file that is open for reading; ``pieces`` yields ``size`` bytes in all."""

    size: int
    pieces: Iterator[bytes]


class NotebookFolder:
    """Files are named by paths below the folder. Every method raises FileError; then nothing has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def holds(self, path: str) -> bool:
        """Say whether there is something of that name."""
        return (self.root / below(path)).exists()

    @contextmanager
    def reading(self, path: str) -> Iterator[LocalFile]:
        """Open a file."""
        with _explained(path, "read"):
            resolved = self._resolved(path, self.root / below(path))
            folder = self._open_folder(resolved.parts[:-1])
            try:
                file = os.open(resolved.name or ".", os.O_RDONLY | _CAREFULLY, dir_fd=folder)
            finally:
                os.close(folder)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise FileError(f"{visible(path)} is {_kind(found.st_mode)}.", "Only regular files are taken.")
            yield LocalFile(found.st_size, _pieces(file, found.st_size, path))
        finally:
            os.close(file)

    def check_free(self, path: str, *, replace: bool) -> None:
        """Refuse a path that ``writing`` would refuse."""
        with _explained(path, "written"):
            folder, _ = self._open_for(path, replace=replace)
            os.close(folder)

    @contextmanager
    def writing(self, path: str, *, replace: bool) -> Iterator[Callable[[bytes], object]]:
        """Yield what appends to a new file, which gets its name at the end of the block unless that raises."""
        with _explained(path, "written"):
            folder, name = self._open_for(path, replace=replace)
            part = f".{secrets.token_hex(8)}.part"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFULLY
                with os.fdopen(os.open(part, flags, 0o666, dir_fd=folder), "wb") as file:
                    yield file.write
                if not replace:
                    # Taken first, so that nothing which has appeared meanwhile is replaced.
                    os.close(os.open(name, flags, 0o666, dir_fd=folder))
                os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(part, dir_fd=folder)
                os.close(folder)

    def _open_for(self, path: str, *, replace: bool) -> tuple[int, str]:
        """Return the folder that a new file goes to, and its name there."""
        wanted = below(path)
        if any(name.startswith(".") for name in wanted.parts):
            raise FileError(f"{visible(path)} is hidden, and hidden files are left alone.", "Give it another name.")
        folder = self._open_folder(self._resolved(path, self.root / wanted.parent).parts)
        try:
            found = os.stat(wanted.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return folder, wanted.name
        except BaseException:
            os.close(folder)
            raise
        if replace and stat.S_ISREG(found.st_mode):
            return folder, wanted.name
        os.close(folder)
        if not stat.S_ISREG(found.st_mode):
            raise FileError(f"{visible(path)} is {_kind(found.st_mode)} already.", "Give another name with --to.")
        raise FileExistsError(errno.EEXIST, path)

    def _resolved(self, path: str, found: Path) -> Path:
        """Return where a path leads, relative to the folder."""
        try:
            return found.resolve().relative_to(self.root)
        except ValueError:
            raise FileError(
                f"{visible(path)} leads out of the notebook's folder by a link.", "Copy it there, or open it there."
            ) from None
        except RuntimeError:
            raise FileError(f"{visible(path)} is a link that leads in a circle.", "Give another file.") from None

    def _open_folder(self, names: tuple[str, ...]) -> int:
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in names:
            try:
                below_it = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _CAREFULLY, dir_fd=folder)
            finally:
                os.close(folder)
            folder = below_it
        return folder


def _pieces(file: int, size: int, path: str) -> Iterator[bytes]:
    left = size
    while left > 0:
        piece = os.read(file, min(left, PIECE_BYTES))
        if not piece:
            raise FileError(f"{visible(path)} became shorter while it was read.", "Try again when it is at rest.")
        left -= len(piece)
        yield piece


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISLNK(mode):
        return "a link"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device or a socket"


@contextmanager
def _explained(path: str, done: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FileError(
            f"There is no {visible(path)} in the notebook's folder.", "Give the path of a file below it."
        ) from error
    except FileExistsError as error:
        raise FileError(
            f"{visible(path)} is in the notebook's folder already.", "Add --force to replace it, or --to NAME."
        ) from error
    except OSError as error:
        raise FileError(f"{visible(path)} cannot be {done}: {error.strerror or error}.", "Try another file.") from error
