"""The private folder that a sandbox makes its socket in, with a name only until the sandbox answers.

Law: from then on the socket is this process's alone. Nobody can enter the folder, fill it, swap the socket or take it
away, and however this process ends, nothing of it is left.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ..errors import StartFailed


class SocketFolder:
    """One folder. ``discard`` may be called again, and from any thread."""

    def __init__(self) -> None:
        """Make it. Raises StartFailed."""
        self._descriptors: list[int] = []
        try:
            self._outer = Path(tempfile.mkdtemp(prefix=f"bun-sandbox-{os.getpid()}-"))
            self.mounted = self._outer / "run"
            self.mounted.mkdir()
        except OSError as error:
            raise StartFailed(
                f"The private folder for the sandbox's socket cannot be made: {error}.",
                "Free some space, or point TMPDIR at a folder that has some.",
            ) from error
        # The user inside is nobody of ours, so it can only make its socket where all can; the parent is ours alone.
        self.mounted.chmod(0o777)

    @property
    def socket(self) -> Path:
        """Say where the sandbox makes its socket."""
        return self.mounted / "http.sock"

    def seal(self) -> Path:
        """Take the folder and the socket off the disk; return the path by which this process still reaches it."""
        descriptor = os.open(self.socket, os.O_PATH | os.O_NOFOLLOW)
        self._descriptors.append(descriptor)
        self.mounted.chmod(0o700)
        shutil.rmtree(self._outer, ignore_errors=True)
        return Path(f"/proc/self/fd/{descriptor}")

    def discard(self) -> None:
        """Let go of the socket, and remove what is on the disk."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        shutil.rmtree(self._outer, ignore_errors=True)


def reap() -> None:
    """Remove the folders of processes that ended before their sandboxes answered."""
    for folder in Path(tempfile.gettempdir()).glob("bun-sandbox-*-*"):
        owner_pid = folder.name.split("-")[2]
        if owner_pid.isdigit() and not Path("/proc", owner_pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
