"""Pure: numbers → a small picture, as an ``<img>`` that holds its SVG.

JupyterLab's sanitizer takes ``<svg>`` out of untrusted notebooks, and leaves images with data URIs.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

_WIDTH, _HEIGHT = 240, 40
_EDGE = 2
POINTS = 120
"""As many fit side by side."""


def chart(shares: Sequence[float], title: str, *, full: float) -> str:
    """Draw shares of a limit, the last one at the right edge; red when that is ``full``."""
    last = list(shares)[-POINTS:]
    colour = "#c62828" if last[-1] >= full else "#3f77b5"
    step = _WIDTH / (POINTS - 1)
    left = _WIDTH - step * (len(last) - 1)
    dots = [(left + step * index, _y(share)) for index, share in enumerate(last)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    bottom = f"{_WIDTH},{_y(0)} {left:.1f},{_y(0)}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}">'
        f'<path d="M0 {_y(1)}H{_WIDTH}M0 {_y(0)}H{_WIDTH}" stroke="#8888" stroke-dasharray="3 3"/>'
        f'<polygon points="{line} {bottom}" fill="{colour}" fill-opacity="0.2"/>'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/></svg>'
    )
    source = base64.b64encode(svg.encode()).decode()
    return (
        f'<img src="data:image/svg+xml;base64,{source}" width="{_WIDTH}" height="{_HEIGHT}" alt="{html.escape(title)}">'
    )


def _y(share: float) -> float:
    return _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * min(max(share, 0), 1)
