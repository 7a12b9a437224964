"""Pure: figures and findings → what a notebook shows of them."""

from __future__ import annotations

from . import files, health, packages, stats, variables
from .mime import DATA

__all__ = ["DATA", "files", "health", "packages", "stats", "variables"]
