"""Comms, the wire of widgets (https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages)."""

from __future__ import annotations

from typing import Any

import comm
from ipykernel.kernelbase import Kernel

_ALL_WIDGETS = "jupyter.widget.control"
"""By which a front end asks for all widgets. The first of them brings ipywidgets, which takes this over."""


def serve(kernel: Kernel) -> None:
    """Let a kernel answer what widgets in the browser send, while a cell runs too."""
    manager = comm.get_comm_manager()
    manager.register_target(_ALL_WIDGETS, lambda opened, _: opened.close())
    kernel.comm_manager = manager  # type: ignore[attr-defined]
    for kind in ("comm_open", "comm_msg", "comm_close"):
        kernel.shell_handlers[kind] = getattr(manager, kind)


def widgets() -> Any:
    """Return ipywidgets, whose import takes 50 ms, ready to restore widgets after a page is loaded again.

    It registers itself in IPython alone.
    """
    import ipywidgets

    ipywidgets.register_comm_target()
    return ipywidgets
