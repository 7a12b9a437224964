"""Pure: what a cell took, from the ends of the programs that it was made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .wire import End

KEY = "bun_sandbox"
"""Under which the figures stand in the metadata of ``execute_reply``."""
REMEMBERED_CELLS = 200
"""So many cells a kernel keeps the figures of."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Times in milliseconds, sizes in bytes. ``output_bytes`` counts what was left out too."""

    count: int
    outcome: str
    wall_ms: int
    cpu_ms: int
    peak_memory_bytes: int
    output_bytes: int

    @classmethod
    def of(cls, count: int, ends: Iterable[End]) -> Cost | None:
        """Add up a cell's programs; None for a cell that ran none."""
        all_ends = list(ends)
        if not all_ends:
            return None
        return cls(
            count,
            all_ends[-1].outcome,
            sum(end.wall_ms for end in all_ends),
            sum(end.cpu_ms for end in all_ends),
            max(end.peak_memory_bytes for end in all_ends),
            sum(end.output_bytes for end in all_ends),
        )

    def metadata(self) -> dict[str, object]:
        """Return what tools find in the metadata of ``execute_reply`` under ``bun_sandbox``."""
        return {
            "outcome": self.outcome,
            "wall_ms": self.wall_ms,
            "cpu_ms": self.cpu_ms,
            "peak_memory_bytes": self.peak_memory_bytes,
            "output_bytes": self.output_bytes,
        }
