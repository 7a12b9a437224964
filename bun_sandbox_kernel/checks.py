"""Pure: one finding about an installation or a sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. A "fail" stops the kernel; a "warn" is worth knowing."""

    status: Literal["ok", "warn", "fail"]
    text: str
    remedy: str = ""
