"""Pure: an event of a cell → the Jupyter message that shows it.

Law: only the MIME types below reach a front end, each no larger than the cap; the rest is replaced by a sentence that
says so. Message types and contents: https://jupyter-client.readthedocs.io/en/stable/messaging.html, version 5.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import SandboxError
from .fields import MimeBundle
from .wire import Clear, Display, End, Error, Output, Result, Stream

MAX_MIME_BYTES = 16 << 20
"""Largest value of one MIME type, in characters."""
MIME_TYPES = frozenset(
    {
        "application/geo+json",
        "application/json",
        "application/pdf",
        "application/vnd.dataresource+json",
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
_VEGA = ("application/vnd.vega", "application/vnd.plotly")


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
                {"execution_count": execution_count, "data": allowed(data), "metadata": dict(metadata)},
            )
        case Display(data, metadata, display_id, update):
            transient = {} if display_id is None else {"display_id": display_id}
            content = {"data": allowed(data), "metadata": dict(metadata), "transient": transient}
            return Message("update_display_data" if update and display_id else "display_data", content)
        case Clear(wait):
            return Message("clear_output", {"wait": wait})
        case Error(ename, evalue, traceback):
            return Message("error", {"ename": ename, "evalue": evalue, "traceback": list(traceback)})


def allowed(data: MimeBundle) -> dict[str, Any]:
    """Return the bundle without what a front end must not get, and never empty."""
    kept = {mime: value for mime, value in data.items() if _is_lawful(mime, value) and _size(value) <= MAX_MIME_BYTES}
    if kept:
        return kept
    refused = ", ".join(sorted(mime[:80] for mime in data)[:5]) or "nothing"
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


def _is_lawful(mime: str, value: object) -> bool:
    if mime.endswith("json"):
        return mime in MIME_TYPES or mime.startswith(_VEGA)
    return mime in MIME_TYPES and isinstance(value, str)


def _size(value: object) -> int:
    return len(value) if isinstance(value, str) else len(repr(value))
