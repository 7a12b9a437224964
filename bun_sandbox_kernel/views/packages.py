"""Pure: packages → a MIME bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..packages import Outdated, Package
from .mime import DATA
from .table import table


def installed(packages: Sequence[Package]) -> dict[str, Any]:
    """Show what is installed; what came along with another package is marked."""
    return _table(
        ("name", "version", ""), [(p.name, p.version, "" if p.direct else "came along") for p in sorted(packages)]
    )


def outdated(packages: Sequence[Outdated]) -> dict[str, Any]:
    """Show what has newer versions: within the range that was asked for, and of all."""
    return _table(("name", "current", "update", "latest"), [*packages])


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    return {**table(heads, rows), DATA: [dict(zip(heads, row, strict=True)) for row in rows]}
