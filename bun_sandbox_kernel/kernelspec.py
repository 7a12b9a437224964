"""Registers the kernel with Jupyter: ``kernel.json`` and the logos, with this interpreter as the one to start."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from .errors import SandboxError
from .resources import KERNELSPEC

NAME = "bun_sandbox"


def install(*, user: bool = False, prefix: str | None = None) -> Path:
    """Write the kernelspec for the user, below a prefix, or system-wide, and return its folder.

    Raises SandboxError when the place cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, NAME)
        shutil.copytree(KERNELSPEC, source)
        spec = json.loads((source / "kernel.json").read_text("utf-8"))
        spec["argv"][0] = sys.executable
        (source / "kernel.json").write_text(json.dumps(spec, indent=2) + "\n", "utf-8")
        try:
            return Path(KernelSpecManager().install_kernel_spec(str(source), NAME, user=user, prefix=prefix))
        except OSError as error:
            raise SandboxError(
                f"The kernelspec cannot be written: {error}.", "Use --user, --sys-prefix or a --prefix of yours."
            ) from error


def find() -> Path | None:
    """Return the folder of the kernelspec that Jupyter finds first, or None."""
    try:
        return Path(KernelSpecManager().get_kernel_spec(NAME).resource_dir)
    except NoSuchKernel:
        return None
