"""Pure: an event of a cell → the Jupyter message that shows it.

Law: only the MIME types below reach a front end, no more of them than the cap and each no larger than its own; the
rest is replaced by a sentence that says so. Message types and contents:
https://jupyter-client.readthedocs.io/en/stable/messaging.html, version 5.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

from .errors import SandboxError
from .fields import MimeBundle
from .wire import Clear, Display, End, Error, Output, Result, Stream

MAX_MIME_BYTES = 16 << 20
"""Largest value of one MIME type, in characters."""
MAX_MIME_TYPES = 64
"""Most MIME types that are looked at in one bundle."""
MAX_METADATA_BYTES = 1 << 20
MAX_DEPTH = 256
"""Deepest tree: Python's own limit is near, and it is met by those who send the message on."""
TEXT_TYPES = frozenset(
    {
        "application/pdf",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/svg+xml",
        "image/webp",
        "text/html",
        "text/latex",
        "text/markdown",
        "text/plain",
    }
)
"""Types whose value is a string: text, or base64."""
JSON_TYPES = frozenset({"application/geo+json", "application/json", "application/vnd.dataresource+json"})
_CHART = re.compile(r"application/vnd\.(vega|vegalite|plotly)\.v[0-9]{1,3}\+json")


class Message(NamedTuple):
    """One message for the IOPub channel."""

    msg_type: str
    content: dict[str, Any]


def render(output: Output, execution_count: int) -> Message:
    """Return the message that shows one output of a cell."""
    match output:
        case Stream(name, text):
            return Message("stream", {"name": name, "text": text})
        case Result(data, metadata):
            return Message(
                "execute_result",
                {"execution_count": execution_count, "data": allowed(data), "metadata": _metadata(metadata)},
            )
        case Display(data, metadata, display_id, update):
            transient = {} if display_id is None else {"display_id": display_id}
            content = {"data": allowed(data), "metadata": _metadata(metadata), "transient": transient}
            return Message("update_display_data" if update and display_id else "display_data", content)
        case Clear(wait):
            return Message("clear_output", {"wait": wait})
        case Error(ename, evalue, traceback):
            return Message("error", {"ename": ename, "evalue": evalue, "traceback": list(traceback)})


def allowed(data: MimeBundle) -> dict[str, Any]:
    """Return the bundle without what a front end must not get, and never empty."""
    some = dict(islice(data.items(), MAX_MIME_TYPES))
    kept = {mime: value for mime, value in some.items() if _is_lawful(mime, value)}
    if kept:
        return kept
    refused = ", ".join(sorted(mime[:80] for mime in some)[:5]) or "nothing"
    return {"text/plain": f"(left out: {refused}; unknown to this kernel or larger than {MAX_MIME_BYTES >> 20} MiB)"}


ENAMES: Mapping[str, str] = {
    "interrupted": "KeyboardInterrupt",
    "timeout": "TimeoutError",
    "memory": "MemoryError",
    "crashed": "WorkerCrashed",
}
"""Outcomes that the program did not choose → the name of the error that is shown."""


def ending(end: End) -> Error | None:
    """Return the error that tells of an end which the program did not choose, and None for ``ok`` and ``error``."""
    ename = ENAMES.get(end.outcome)
    return None if ename is None else _titled(ename, end.message)


def failure(error: SandboxError) -> Error:
    """Return the error that tells of a failure on our side."""
    return _titled(type(error).__name__, str(error))


def _titled(ename: str, evalue: str) -> Error:
    return Error(ename, evalue, (f"\x1b[1;31m{ename}\x1b[0m: {evalue}",))


def interrupted(reason: str = "the cell was interrupted") -> Error:
    """Return the error that tells of a cell that the user stopped."""
    return _titled(ENAMES["interrupted"], reason)


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(metadata)
    return kept if _fits(kept, MAX_METADATA_BYTES) else {}


def _is_lawful(mime: str, value: object) -> bool:
    if mime in TEXT_TYPES:
        return isinstance(value, str) and len(value) <= MAX_MIME_BYTES
    return (mime in JSON_TYPES or _CHART.fullmatch(mime) is not None) and _fits(value, MAX_MIME_BYTES)


def _fits(value: object, most: int) -> bool:
    """Whether a tree is neither deeper nor larger than it may be."""
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        if not parts:
            return len(repr(value)) <= most
        level = list(chain.from_iterable(parts))
    return False
