"""The packages that a notebook declares: in its metadata, or in a package.json beside it.

Law: only regular files are read, none through a link, and none without an end.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from .errors import UsageError
from .packages import spec

_MANIFEST_BYTES = 1 << 20
_NOTEBOOK_BYTES = 64 << 20
_MOST = 200


def declared(folder: Path, notebook: str) -> tuple[str, dict[str, str]]:
    """Return where dependencies are declared, and them: in the notebook's metadata, or in package.json beside it.

    ``notebook`` is the path that Jupyter Server gives a kernel in ``JPY_SESSION_NAME``. Raises UsageError.
    """
    path = folder / notebook
    if notebook.endswith(".ipynb") and (content := _json(path, _NOTEBOOK_BYTES)) is not None:
        metadata = content.get("metadata")
        own = metadata.get("bun_sandbox") if isinstance(metadata, dict) else None
        if isinstance(own, dict) and "dependencies" in own:
            return path.name, _dependencies(path.name, own["dependencies"])
    content = _json(folder / "package.json", _MANIFEST_BYTES)
    if content is not None and "dependencies" in content:
        return "package.json", _dependencies("package.json", content["dependencies"])
    raise UsageError(
        "No dependencies are declared.",
        'Write {"dependencies": {"zod": "4"}} into package.json beside the notebook, or into the notebook\'s metadata '
        'below "bun_sandbox".',
    )


def _dependencies(where: str, found: object) -> dict[str, str]:
    if not isinstance(found, dict) or len(found) > _MOST:
        raise UsageError(f"The dependencies of {where} are not names with versions.", 'Write {"zod": "4"}.')
    for name, wanted in found.items():
        if not isinstance(wanted, str):
            raise UsageError(f"{where} gives {name[:80]!r} no version.", 'Write {"zod": "4"}.')
        spec(f"{name}@{wanted}")
    return found


def _json(path: Path, most: int) -> dict[str, object] | None:
    """Read an object from a regular file that is no link; None where there is none. Raises UsageError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(most + 1)
    if len(content) > most:
        raise UsageError(f"{path.name} has more than {most} bytes.", "Name the packages with `%bun add`.")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path.name} is not JSON: {str(error)[:100]}.", "Mend it, or use `%bun add`.") from error
    return found if isinstance(found, dict) else None
