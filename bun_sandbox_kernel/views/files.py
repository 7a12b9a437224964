"""Pure: the files of a sandbox → a MIME bundle.

Law: names are shown, and never obeyed; see ``names.visible``.
"""

from __future__ import annotations

import html
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from ..answers import Entry, Listing
from ..names import CODE_FOLDER, visible
from ..sizes import size
from .mime import DATA

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARKS = {"file": "", "folder": "/", "link": " (link)", "other": " (no file)"}


def bundle(folder: str, listing: Listing) -> dict[str, Any]:
    """Return a table as text and for browsers, and JSON for tools. Times are UTC."""
    heading = visible(f"{CODE_FOLDER}/{folder}".rstrip("/"))
    rows = [
        (_shown(entry), size(entry.bytes) if entry.kind == "file" else "", _time(entry)) for entry in listing.entries
    ]
    room = _room(listing)
    return {
        "text/plain": _text(heading, rows, room),
        "text/html": _html(heading, rows, room),
        DATA: {"folder": folder, **asdict(listing)},
    }


def _shown(entry: Entry) -> str:
    return visible(entry.name) + _MARKS[entry.kind]


def _time(entry: Entry) -> str:
    """Return a time that may be any number at all."""
    try:
        return f"{_EPOCH + timedelta(milliseconds=entry.modified_ms):%Y-%m-%d %H:%M}"
    except OverflowError:
        return ""


def _room(listing: Listing) -> str:
    used = max(0, listing.total_bytes - listing.free_bytes)
    room = f"{size(used)} used, {size(listing.free_bytes)} and {listing.free_files} files free"
    return f"{listing.left_out} more are not listed. {room}" if listing.left_out else room


def _text(heading: str, rows: list[tuple[str, str, str]], room: str) -> str:
    wide = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    lines = [f"  {name:{wide[0]}}  {bytes_:>{wide[1]}}  {time}".rstrip() for name, bytes_, time in rows]
    return "\n".join([heading, *(lines or ["  (empty)"]), room])


def _html(heading: str, rows: list[tuple[str, str, str]], room: str) -> str:
    cells = "".join(
        f'<tr><td style="text-align: left">{html.escape(name)}</td><td>{bytes_}</td><td>{time}</td></tr>'
        for name, bytes_, time in rows
    )
    head = '<tr><th style="text-align: left">name</th><th>size</th><th>changed (UTC)</th></tr>'
    table = f"<table><thead>{head}</thead><tbody>{cells}</tbody></table>" if rows else "<p>(empty)</p>"
    return f"<b>{html.escape(heading)}</b>{table}<p>{html.escape(room)}</p>"
