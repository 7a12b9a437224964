"""Pure: the session's variables → a MIME bundle."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..answers import Variable
from ..sizes import size
from .mime import DATA

_HEADS = ("name", "declared", "type", "size", "value")


def bundle(variables: Sequence[Variable]) -> dict[str, Any]:
    """Return a table as text and for browsers, and JSON for tools."""
    rows = [_HEADS, *((v.name, v.declared, v.kind, size(v.bytes), v.text) for v in variables)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    text = "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    head = "".join(f'<th style="text-align: left">{name}</th>' for name in _HEADS)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align: left">{html.escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows[1:]
    )
    return {
        "text/plain": text,
        "text/html": f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
        DATA: [asdict(variable) for variable in variables],
    }
