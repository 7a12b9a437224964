"""Pure: numbers of bytes as people read them."""

from __future__ import annotations


def size(number: int | None) -> str:
    """``1536`` → ``"1.5 KB"``, by powers of 1,024; empty where nobody knows."""
    if number is None:
        return ""
    value = float(number)
    for unit in ("B", "KB", "MB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GB"
