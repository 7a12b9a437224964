"""The one declarative source of every limit and every hardening setting of a sandbox.

Law: each line is applied by the engine and proved by a test that attacks it. A value out of range is an error before
anything starts. Where settings come from is admin.py's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from .errors import PolicyError, UsageError
from .packages import spec
from .resources import SECCOMP_PROFILE

MIB = 1 << 20
Transport = Literal["auto", "unix", "tcp"]
Network = Literal["none", "internet"]
NotebookMount = Literal["none", "ro"]
Packages = Literal["on", "off"]
UNCONFINED = Path("unconfined")
"""In the place of a profile: no filter at all."""
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": MIB, "g": 1 << 30}


def parse_bytes(text: str) -> int:
    """``"256m"`` → bytes; the units are b, k, m and g, powers of 1,024. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,15})\s*([bkmg]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class Setting:
    """How one line of the policy is read from text, and what it may be."""

    variable: str
    """Its name in the environment."""
    parse: Callable[[str], object]
    allowed: str
    accepts: Callable[[Any], bool]
    is_number: bool = False
    field: str = ""
    """Its name in SandboxPolicy."""
    default: Any = None

    @property
    def name(self) -> str:
        """Its name for people: ``memory`` of ``BUN_SANDBOX_MEMORY``."""
        return self.variable.removeprefix("BUN_SANDBOX_").lower()

    def read(self, text: str) -> Any:
        """Return the value. Raises PolicyError that names the variable and what is allowed."""
        try:
            value = self.parse(text)
        except ValueError as error:
            raise _refused(self, text) from error
        if not self.accepts(value):
            raise _refused(self, text)
        return value


def _number(
    variable: str, default: float, low: float, high: float, *, parse: Callable[[str], object], unit: str = ""
) -> Any:
    allowed = f"from {low} to {high}{unit}"
    return field(
        default=default,
        metadata={"setting": Setting(variable, parse, allowed, lambda value: low <= value <= high, is_number=True)},
    )


def _bytes(variable: str, default: int, low: int, high: int) -> Any:
    allowed = f"bytes with an optional unit, from {low // MIB}m to {high // MIB}m"
    return field(
        default=default,
        metadata={
            "setting": Setting(variable, parse_bytes, allowed, lambda value: low <= value <= high, is_number=True)
        },
    )


def _choice(variable: str, default: str, *choices: str) -> Any:
    setting = Setting(variable, str, "one of " + ", ".join(choices), lambda value: value in choices)
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
    "notebook",
    "memory",
    "swap",
    "cpus",
    "pids",
    "network",
    "devices",
)
"""What is proved from inside at launch, by the names under which it may be allowed to be missing."""


def _address(text: str) -> str:
    address = urlsplit(text)
    if (
        address.scheme not in {"http", "https"}
        or not address.hostname
        or address.query
        or not re.fullmatch(r"[\w:/.\[\]%~-]+", text, re.ASCII)
    ):
        raise ValueError(text)
    return text.rstrip("/")


def _specs(text: str) -> frozenset[str]:
    try:
        for name in _names(text):
            spec(name)
    except UsageError as error:
        raise ValueError(text) from error
    return _names(text)


def _any(_: object) -> bool:
    return True


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True, kw_only=True)
class SandboxPolicy:
    """Every limit of one sandbox. All sizes in bytes, all times in milliseconds."""

    memory_bytes: int = _bytes("BUN_SANDBOX_MEMORY", 256 * MIB, 96 * MIB, 65536 * MIB)
    """RAM for all that the sandbox does, its tmpfs mounts included. There is no swap."""
    cpus: float = _number("BUN_SANDBOX_CPUS", 0.5, 0.1, 64, parse=float, unit=" cores")
    """Processor time."""
    pids: int = _number("BUN_SANDBOX_PIDS", 50, 24, 4096, parse=int, unit=" processes and threads")
    """How many there are at once."""
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
    network: Network = _choice("BUN_SANDBOX_NETWORK", "none", "none", "internet")
    """Where a cell can connect to: nowhere, or wherever the engine's default network leads."""
    mount_notebook_dir: NotebookMount = _choice("BUN_SANDBOX_MOUNT_NOTEBOOK_DIR", "none", "none", "ro")
    """Whether cells can read the kernel's working folder, as ``/notebook``."""
    seccomp_profile: Path = field(
        default=SECCOMP_PROFILE,
        metadata={
            "setting": Setting("BUN_SANDBOX_SECCOMP", Path, 'the path of a seccomp profile, or "unconfined"', bool)
        },
    )
    """The system calls that exist inside."""
    packages: Packages = _choice("BUN_SANDBOX_PACKAGES", "on", "on", "off")
    """Whether ``%bun`` installs packages, from a sandbox of its own that alone has a network."""
    registry: str = field(
        default="https://registry.npmjs.org",
        metadata={
            "setting": Setting(
                "BUN_SANDBOX_REGISTRY", _address, "an http or https address without a user, a password or a query", bool
            )
        },
    )
    """Where packages come from."""
    image_packages: frozenset[str] = field(
        default=frozenset(),
        metadata={
            "setting": Setting(
                "BUN_SANDBOX_IMAGE_PACKAGES",
                _specs,
                "names of packages with commas between them, such as zod@4,d3",
                _any,
            )
        },
    )
    """What the image holds beside what it always does, for every sandbox to import."""
    minimum_release_age_s: int = _number(
        "BUN_SANDBOX_MINIMUM_RELEASE_AGE", 259_200, 0, 31_536_000, parse=int, unit=" s (0: no waiting)"
    )
    """Versions that were published less long ago are not installed; most malware is found within days."""
    packages_bytes: int = _bytes("BUN_SANDBOX_PACKAGES_SIZE", 512 * MIB, MIB, 65536 * MIB)
    """Most that the packages of one sandbox may take."""
    allow_missing: frozenset[str] = field(
        default=frozenset(),
        metadata={
            "setting": Setting(
                "BUN_SANDBOX_ALLOW_MISSING",
                _names,
                "names, with commas between them, among " + ", ".join(LINES),
                lambda names: names <= set(LINES),
            )
        },
    )
    """Lines that need not hold; a sandbox starts without them on an engine that cannot apply them."""

    uid: int = 10001
    """User and group of everything inside; nobody of the host."""
    shm_bytes: int = 8 * MIB
    """Size of ``/dev/shm``."""
    tmpfs_inodes: int = 4096
    """Files and folders in each tmpfs; without a limit, empty files alone would eat the memory."""
    open_files: int = 1024
    """Open files of one process."""
    file_bytes: int = 100 * MIB
    """Largest single file."""
    log_bytes: int = MIB
    """What the engine keeps of the supervisor's own log."""

    def __post_init__(self) -> None:
        """Raise PolicyError for the first value that is out of range."""
        for line in fields(self):
            setting = line.metadata.get("setting")
            value = getattr(self, line.name)
            if isinstance(setting, Setting) and not setting.accepts(value):
                raise _refused(setting, value)

    @property
    def weakened(self) -> tuple[str, ...]:
        """Say which protection has been given up on purpose."""
        said = []
        if self.network != "none":
            said.append("the sandbox has a network with a way out")
        if self.mount_notebook_dir != "none":
            said.append("cells can read the notebook's folder")
        if self.seccomp_profile == UNCONFINED:
            said.append("system calls are not filtered")
        said += [f"{name} need not hold" for name in sorted(self.allow_missing)]
        return tuple(said)

    def seccomp(self) -> str:
        """Return the seccomp profile as engines take it: JSON, or "unconfined". Raises PolicyError."""
        if self.seccomp_profile == UNCONFINED:
            return str(UNCONFINED)
        try:
            return json.dumps(json.loads(self.seccomp_profile.read_text("utf-8")), separators=(",", ":"))
        except (OSError, ValueError) as error:
            raise PolicyError(
                f"The seccomp profile {self.seccomp_profile} cannot be read: {error}.",
                "Point BUN_SANDBOX_SECCOMP at a readable profile, or unset it to use the one that ships.",
            ) from error


@cache
def settings() -> Mapping[str, Setting]:
    """Return every line that can be set, by its name for people."""
    found: dict[str, Setting] = {}
    for line in fields(SandboxPolicy):
        setting = line.metadata.get("setting")
        if isinstance(setting, Setting):
            found[setting.name] = replace(setting, field=line.name, default=line.default)
    return found


def _refused(setting: Setting, value: object) -> PolicyError:
    shown = re.sub(r"//[^/]*@", "//…@", str(value))  # a password does not belong into a notebook
    return PolicyError(
        f'{setting.variable} is "{shown}", which is not allowed.', f"Set it to {setting.allowed}, or unset it."
    )
