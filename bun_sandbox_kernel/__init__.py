"""Bun (Sandboxed): a Jupyter kernel that runs TypeScript in a hardened container of its own."""

from __future__ import annotations

__version__ = "0.1.0"
LANGUAGE_VERSION = "7.0"
"""Of TypeScript."""
