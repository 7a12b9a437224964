"""Pure: names of files, from inside the sandbox and from people → what may be shown, and what may be a path here.

Law: no name brings a terminal or a page to do anything, and none leads out of the folder that it is looked up in.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePosixPath

from .errors import FileError

CODE_FOLDER = "/sandbox/code"
_MAX_NAME_BYTES = 255
"""``NAME_MAX`` of Linux."""


def visible(name: str) -> str:
    """Return a name in which line ends, escape sequences, marks of writing direction and the like are spelled out."""
    return "".join(char if _can_be_seen(char) else char.encode("unicode_escape").decode() for char in name)


def _can_be_seen(char: str) -> bool:
    """Say whether a character is no control, format, private or unassigned one, and no blank but the space."""
    return char == " " or unicodedata.category(char)[0] not in "CZ"


def below(path: str) -> PurePosixPath:
    """Return a path as one below the notebook's folder. Raises FileError when it may lead elsewhere."""
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts:
        raise FileError(f"{visible(path)} leads out of the notebook's folder.", "Give a path below it.")
    if not found.parts or path.endswith("/"):
        raise FileError(f"{visible(path) or 'An empty text'} names no file.", "Give the path of a file.")
    if visible(path) != path or any(len(os.fsencode(name)) > _MAX_NAME_BYTES for name in found.parts):
        raise FileError(
            f"{visible(path)[:300]} is too long for a name, or holds what cannot be seen.", "Give it another name."
        )
    return found


def inside(path: str) -> str:
    """Return a path as one below the sandbox's working folder, as the supervisor takes it; empty for the folder."""
    if path == CODE_FOLDER or path.startswith(f"{CODE_FOLDER}/"):
        path = path.removeprefix(CODE_FOLDER).lstrip("/")
    return "" if path == "." else path.removeprefix("./").rstrip("/")
