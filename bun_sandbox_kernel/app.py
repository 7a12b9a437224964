"""The process around the kernel: its sockets, its connection file, its log."""

from __future__ import annotations

import os
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from traitlets import Dict, Unicode

from .admin import AdminPolicy
from .kernel import BunSandboxKernel
from .launch import Launch


class BunSandboxApp(IPKernelApp):
    """IPKernelApp without what belongs to IPython."""

    name = "bun-sandbox-kernel"
    kernel_class = BunSandboxKernel
    limits = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="Limits of the sandbox by name, as BUN_SANDBOX_* gives them: {'memory': '1g', 'cpus': '2'}.",
    ).tag(config=True)

    def adopt(self, launch: Launch | None) -> None:
        """Give the kernel a sandbox that is on its way up, unless this configuration asks for another."""
        if launch is not None and self.limits:
            launch.abandon()
            launch = None
        self.kernel.adopt(launch, lambda asked: AdminPolicy.read().policy({**os.environ, **asked}, self.limits))

    def init_control(self, context: Any) -> None:
        """Open the control channel, and no subshells: a sandbox runs one cell at a time."""
        super().init_control(context)
        self.shell_channel_thread = None

    def start(self) -> None:
        """Serve until the shutdown, and leave once the control thread has said everything about it.

        At the interpreter's exit the IOPub thread is stopped first. A control thread that is just publishing its last
        status would wait for it 10 s, and the manager kills the process after 5.
        """
        super().start()
        if self.control_thread is not None:
            self.control_thread.stop()
            self.control_thread.join()
