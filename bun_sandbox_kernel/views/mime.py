"""The MIME type of what tools read."""

from __future__ import annotations

DATA = "application/vnd.bun-sandbox+json"
"""Beside each view stand the figures that it shows. ``application/json`` would be shown in its place by JupyterLab."""
