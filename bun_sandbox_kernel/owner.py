"""Who a sandbox belongs to: a process of one boot of one machine. Source of the fields: proc(5)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from a later one with the same number by when it started."""

    host: str
    boot_id: str
    pid: str
    started: str
    """Clock ticks between the boot and the start of the process."""

    @classmethod
    def current(cls) -> Owner:
        """Return this process."""
        pid = str(os.getpid())
        return cls(socket.gethostname(), _boot_id(), pid, _start_time(pid) or "")

    @classmethod
    def from_labels(cls, labels: Mapping[str, str]) -> Owner:
        """Return the owner that the labels of a sandbox name."""
        return cls(*(labels.get(name, "") for name in ("owner-host", "boot-id", "owner-pid", "owner-started")))

    def labels(self) -> dict[str, str]:
        """Return what ``from_labels`` reads."""
        return {
            "owner-host": self.host,
            "boot-id": self.boot_id,
            "owner-pid": self.pid,
            "owner-started": self.started,
        }

    def is_gone(self) -> bool:
        """Say whether the owner has certainly ended. Owners on other machines cannot be told, and are left alone."""
        if self.host != socket.gethostname() or not self.pid:
            return False
        return self.boot_id != _boot_id() or _start_time(self.pid) != self.started


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _start_time(pid: str) -> str | None:
    try:
        return Path("/proc", pid, "stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return None
