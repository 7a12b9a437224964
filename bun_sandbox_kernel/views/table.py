"""Pure: rows of text → a table, for terminals and for browsers."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

_LEFT = 'style="text-align: left"'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return a MIME bundle with both; every column begins at the left."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    text = "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows))
    head = "".join(f"<th {_LEFT}>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td {_LEFT}>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return {
        "text/plain": text,
        "text/html": f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
    }
