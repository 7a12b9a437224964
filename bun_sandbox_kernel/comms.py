"""Comms, the wire of widgets (https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages)."""

from __future__ import annotations

from typing import Any

import comm
from ipykernel.kernelbase import Kernel


def serve(kernel: Kernel) -> None:
    """Let a kernel answer what widgets in the browser send, while a cell runs too."""
    manager = comm.get_comm_manager()
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
