"""Pure: the session's variables → a MIME bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..answers import Variable
from ..sizes import size
from .mime import DATA
from .table import table


def bundle(variables: Sequence[Variable]) -> dict[str, Any]:
    """Return a table as text and for browsers, and JSON for tools."""
    rows = [(v.name, v.declared, v.kind, size(v.bytes), v.text) for v in variables]
    shown = table(("name", "declared", "type", "size", "value"), rows)
    return {**shown, DATA: [asdict(variable) for variable in variables]}
