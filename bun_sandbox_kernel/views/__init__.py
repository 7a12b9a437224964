"""Pure: figures and findings → what a notebook shows of them."""

from __future__ import annotations

from . import health, packages, variables

__all__ = ["health", "packages", "variables"]
