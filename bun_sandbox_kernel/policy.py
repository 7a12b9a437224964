"""The one declarative source of every limit and every hardening setting of a sandbox.

Law: each line is applied by the engine and proved by a test that attacks it. A value out of range is an error before
anything starts. Settings come from ``BUN_SANDBOX_*`` in the environment of the kernel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast

from .errors import PolicyError
from .resources import SECCOMP_PROFILE

MIB = 1 << 20
Transport = Literal["auto", "unix", "tcp"]
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": MIB, "g": 1 << 30}


def parse_bytes(text: str) -> int:
    """``"256m"`` → bytes; the units are b, k, m and g, powers of 1,024. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,15})\s*([bkmg]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class _Setting:
    """How one line of the policy is read from the environment, and what it may be."""

    variable: str
    parse: Callable[[str], object]
    allowed: str
    accepts: Callable[[Any], bool]


def _number(
    variable: str, default: float, low: float, high: float, *, parse: Callable[[str], object], unit: str = ""
) -> Any:
    allowed = f"from {low:g} to {high:g}{unit}"
    return field(
        default=default,
        metadata={"setting": _Setting(variable, parse, allowed, lambda value: low <= value <= high)},
    )


def _bytes(variable: str, default: int, low: int, high: int) -> Any:
    allowed = f"bytes with an optional unit, from {low // MIB}m to {high // MIB}m"
    return field(
        default=default,
        metadata={"setting": _Setting(variable, parse_bytes, allowed, lambda value: low <= value <= high)},
    )


def _choice(variable: str, default: str, *choices: str) -> Any:
    setting = _Setting(variable, str, "one of " + ", ".join(choices), lambda value: value in choices)
    return field(default=default, metadata={"setting": setting})


LINES = (
    "user",
    "capabilities",
    "no_new_privs",
    "seccomp",
    "root",
    "tmp",
    "code",
    "shm",
    "memory",
    "swap",
    "cpus",
    "pids",
    "network",
    "devices",
)
"""What is proved from inside at launch, by the names under which it may be allowed to be missing."""


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True, kw_only=True)
class SandboxPolicy:
    """Every limit of one sandbox. All sizes in bytes, all times in milliseconds."""

    memory_bytes: int = _bytes("BUN_SANDBOX_MEMORY", 256 * MIB, 96 * MIB, 65536 * MIB)
    """RAM for all that the sandbox does, its tmpfs mounts included. There is no swap."""
    cpus: float = _number("BUN_SANDBOX_CPUS", 0.5, 0.1, 64, parse=float, unit=" cores")
    pids: int = _number("BUN_SANDBOX_PIDS", 50, 24, 4096, parse=int, unit=" processes and threads")
    tmp_bytes: int = _bytes("BUN_SANDBOX_TMP", 64 * MIB, MIB, 4096 * MIB)
    """Size of ``/tmp``."""
    code_bytes: int = _bytes("BUN_SANDBOX_CODE", 32 * MIB, MIB, 4096 * MIB)
    """Size of ``/sandbox/code``, the working folder of cells."""
    max_execution_ms: int = _number(
        "BUN_SANDBOX_MAX_EXECUTION_TIME", 600_000, 0, 86_400_000, parse=int, unit=" ms (0: no limit)"
    )
    """Longest run of one cell."""
    max_output_bytes: int = _bytes("BUN_SANDBOX_MAX_OUTPUT", 10 * MIB, 0, 1024 * MIB)
    """Most that one cell may print; the rest is counted and left out."""
    transport: Transport = _choice("BUN_SANDBOX_TRANSPORT", "auto", "auto", "unix", "tcp")
    """How the kernel reaches the sandbox: a Unix socket in a private folder and no network at all, or TCP."""
    seccomp_profile: Path = field(
        default=SECCOMP_PROFILE,
        metadata={"setting": _Setting("BUN_SANDBOX_SECCOMP", Path, "the path of a seccomp profile", bool)},
    )
    allow_missing: frozenset[str] = field(
        default=frozenset(),
        metadata={
            "setting": _Setting(
                "BUN_SANDBOX_ALLOW_MISSING",
                _names,
                "names, with commas between them, among " + ", ".join(LINES),
                lambda names: names <= set(LINES),
            )
        },
    )
    """Lines that need not hold; a sandbox starts without them on an engine that cannot apply them."""

    uid: int = 10001
    """User and group of everything inside; not a user of the host."""
    shm_bytes: int = 8 * MIB
    tmpfs_inodes: int = 4096
    """Files and folders in each tmpfs; without a limit, empty files alone would eat the memory."""
    open_files: int = 1024
    file_bytes: int = 100 * MIB
    """Largest single file."""
    log_bytes: int = MIB
    """What the engine keeps of the supervisor's own log."""

    def __post_init__(self) -> None:
        """Raise PolicyError for the first value that is out of range."""
        for line in fields(self):
            setting = line.metadata.get("setting")
            value = getattr(self, line.name)
            if isinstance(setting, _Setting) and not setting.accepts(value):
                raise _refused(setting, value)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SandboxPolicy:
        """Read the policy from ``BUN_SANDBOX_*``. Raises PolicyError that names the variable and what is allowed."""
        values: dict[str, object] = {}
        for line in fields(cls):
            setting = line.metadata.get("setting")
            if not isinstance(setting, _Setting) or not environment.get(setting.variable):
                continue
            text = environment[setting.variable]
            try:
                value = setting.parse(text)
            except ValueError as error:
                raise _refused(setting, text) from error
            if not setting.accepts(value):
                raise _refused(setting, text)
            values[line.name] = value
        return cls(**cast("dict[str, Any]", values))

    def seccomp(self) -> str:
        """Return the seccomp profile as the JSON that engines take. Raises PolicyError when it cannot be read."""
        try:
            return json.dumps(json.loads(self.seccomp_profile.read_text("utf-8")), separators=(",", ":"))
        except (OSError, ValueError) as error:
            raise PolicyError(
                f"The seccomp profile {self.seccomp_profile} cannot be read: {error}.",
                "Point BUN_SANDBOX_SECCOMP at a readable profile, or unset it to use the one that ships.",
            ) from error


def _refused(setting: _Setting, value: object) -> PolicyError:
    return PolicyError(
        f'{setting.variable} is "{value}", which is not allowed.', f"Set it to {setting.allowed}, or unset it."
    )
