"""Pure: packages → a MIME bundle."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from ..packages import Outdated, Package
from .mime import DATA

_STYLE = 'style="text-align: left"'


def installed(packages: Sequence[Package]) -> dict[str, Any]:
    """Show what is installed; what came along with another package is marked."""
    return _table(
        ("name", "version", ""), [(p.name, p.version, "" if p.direct else "came along") for p in sorted(packages)]
    )


def outdated(packages: Sequence[Outdated]) -> dict[str, Any]:
    """Show what has newer versions: within the range that was asked for, and of all."""
    return _table(("name", "current", "update", "latest"), [*packages])


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    text = "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows))
    head = "".join(f"<th {_STYLE}>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td {_STYLE}>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return {
        "text/plain": text,
        "text/html": f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
        DATA: [dict(zip(heads, row, strict=True)) for row in rows],
    }
