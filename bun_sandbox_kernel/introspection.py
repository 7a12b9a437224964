"""Pure: Jupyter's words for completion and inspection, to and from the sandbox's.

Law: Jupyter counts code points and the sandbox UTF-16 units, so every position passes through here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import outputs
from .answers import Completions
from .fields import MimeBundle

_NAME = r"(?:[^\W\d]|\$)[\w$]*"
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_INQUIRY = re.compile(rf"\s*(?:(?P<before>\?\??)\s*(?P<asked>{_DOTTED})|(?P<of>{_DOTTED})\s*(?P<behind>\?\??))\s*;?\s*")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A cell that asks what a name is, as ``name?`` does; with ``detail`` as ``name??``."""

    name: str
    detail: bool


def inquiry(code: str) -> Inquiry | None:
    """Return what a cell asks, and None for a cell that is a program: none of these is TypeScript."""
    found = _INQUIRY.fullmatch(code)
    if found is None:
        return None
    name, marks = (found["asked"], found["before"]) if found["before"] else (found["of"], found["behind"])
    return Inquiry("".join(name.split()), marks == "??")


def utf16_units(text: str, points: int) -> int:
    """Return the offset in UTF-16 units of what lies at an offset in code points."""
    return sum(1 + (char > "\uffff") for char in text[: max(points, 0)])


def code_points(text: str, units: int) -> int:
    """Return the offset in code points of what lies at an offset in UTF-16 units, at most the end of the text."""
    for point, char in enumerate(text):
        if units <= 0:
            return point
        units -= 1 + (char > "\uffff")
    return len(text)


def complete_reply(code: str, cursor: int, found: Completions | None) -> dict[str, Any]:
    """Return the content of ``complete_reply``; without an answer nothing is to be replaced."""
    start, end = (cursor, cursor) if found is None else (code_points(code, found.start), code_points(code, found.end))
    matches = () if found is None else found.matches
    typed = [
        {"text": match.text, "type": match.kind, "signature": match.signature, "start": start, "end": end}
        for match in matches
    ]
    return {
        "status": "ok",
        "matches": [match.text for match in matches],
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": typed},
    }


def inspect_reply(data: MimeBundle) -> dict[str, Any]:
    """Return the content of ``inspect_reply``."""
    return {"status": "ok", "found": bool(data), "data": outputs.allowed(data) if data else {}, "metadata": {}}


def page(data: MimeBundle) -> dict[str, Any]:
    """Return the payload of ``execute_reply`` that opens a pager."""
    return {"source": "page", "data": outputs.allowed(data), "start": 0}


def unknown(asked: Inquiry) -> str:
    """Return the sentence for a name that nothing is known of."""
    return f"`{asked.name}` is not defined. Check its spelling, or run the cell that defines it first.\n"
