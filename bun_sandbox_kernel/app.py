"""The process around the kernel: its sockets, its connection file, its log."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelapp import IPKernelApp

from .kernel import BunSandboxKernel


class BunSandboxApp(IPKernelApp):
    """IPKernelApp without what belongs to IPython."""

    name = "bun-sandbox-kernel"
    kernel_class = BunSandboxKernel

    def init_control(self, context: Any) -> None:
        """Open the control channel, and no subshells: a sandbox runs one cell at a time."""
        super().init_control(context)
        self.shell_channel_thread = None
