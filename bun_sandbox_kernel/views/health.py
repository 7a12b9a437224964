"""Pure: health → a MIME bundle.

Law: it can be read where colours are taken away: in a notebook that is not trusted, on GitHub, on a terminal.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..health import Section
from .mime import DATA

_COLOURS = {"ok": "#2e7d32", "warn": "#b26a00", "fail": "#c62828"}
_MARKS = {
    status: f'<b style="color: {colour}">{mark}</b>'
    for (status, colour), mark in zip(_COLOURS.items(), "✓!✗", strict=True)
}
_ANSI = {"ok": "\x1b[32m✓\x1b[0m", "warn": "\x1b[33m!\x1b[0m", "fail": "\x1b[1;31m✗\x1b[0m"}
_LEFT = 'style="text-align: left"'


def worst(sections: Sequence[Section]) -> str:
    """Return the worst status among all checks."""
    found = {check.status for section in sections for check in section.checks}
    return next(status for status in ("fail", "warn", "ok") if status in found or status == "ok")


def bundle(sections: Sequence[Section], title: str = "Sandbox health") -> dict[str, Any]:
    """Return text, a table for browsers, and JSON for tools."""
    return {
        "text/plain": _text(sections),
        "text/html": _html(sections, title),
        DATA: {
            "status": worst(sections),
            "sections": [
                {"title": section.title, "checks": [asdict(check) for check in section.checks]} for section in sections
            ],
        },
    }


def _text(sections: Sequence[Section]) -> str:
    lines = []
    for section in sections:
        lines.append(section.title)
        for check in section.checks:
            lines.append(f"  {_ANSI[check.status]} {check.text}")
            if check.status != "ok" and check.remedy:
                lines.append(f"      {check.remedy}")
    return "\n".join(lines)


def _html(sections: Sequence[Section], title: str) -> str:
    rows = []
    for section in sections:
        rows.append(f'<tr><th colspan="2" {_LEFT}>{html.escape(section.title)}</th></tr>')
        for check in section.checks:
            remedy = f"<br><i>{html.escape(check.remedy)}</i>" if check.status != "ok" and check.remedy else ""
            text = html.escape(check.text)
            shown = f'<b style="color: {_COLOURS["fail"]}">{text}</b>' if check.status == "fail" else text
            rows.append(f"<tr><td>{_MARKS[check.status]}</td><td {_LEFT}>{shown}{remedy}</td></tr>")
    heading = f"<b>{html.escape(title)}</b> {_MARKS[worst(sections)]}"
    return f"{heading}\n<table>\n" + "\n".join(rows) + "\n</table>"
