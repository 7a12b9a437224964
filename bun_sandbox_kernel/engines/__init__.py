"""The seam between the kernel and whatever runs sandboxes: Docker today, others by the same two protocols.

Law: an engine that cannot apply a line of the policy says so before any code runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ..policy import SandboxPolicy


@dataclass(frozen=True, slots=True)
class Unix:
    """A socket in a folder that only the kernel's user may enter."""

    path: Path


@dataclass(frozen=True, slots=True)
class Tcp:
    """A port of this machine's loopback interface; ``health_port`` answers ``GET /health`` alone."""

    host: str
    port: int
    health_port: int


Endpoint: TypeAlias = Unix | Tcp


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself."""

    name: str
    version: str
    components: Mapping[str, str]
    """Name of a part, such as ``runc`` → its version."""
    address: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work is: a sentence, and a fraction between 0 and 1 where one is known."""

    text: str
    fraction: float | None = None


Report: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What an engine has measured of one sandbox, from outside. None is what it does not know, or has not."""

    read_at_s: float
    """When, since the epoch and by the engine's clock."""
    cpu_ns: int
    """Processor time since the start, of all processes together."""
    periods: int
    """Periods in which the sandbox wanted to run; ``throttled_periods`` of them were cut by the limit."""
    throttled_periods: int
    throttled_ns: int
    memory_bytes: int
    """In use, as ``docker stats`` counts: without page cache that nobody has used lately. Sum of the next four."""
    anonymous_bytes: int | None
    """What programs have allocated."""
    shared_bytes: int | None
    """Shared memory, which is what the files in tmpfs folders take."""
    file_bytes: int | None
    """Page cache of other files, as far as it is in use."""
    kernel_bytes: int | None
    """What the machine's kernel needs for the sandbox."""
    memory_limit_bytes: int | None
    memory_peak_bytes: int | None
    """The most ever, with all of the page cache."""
    pids: int
    """Processes and threads."""
    pids_limit: int | None
    received_bytes: int | None
    sent_bytes: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One of all sandboxes of an engine, whoever it belongs to."""

    id: str
    image: str
    version: str
    """Of what has started it."""
    owner_pid: str
    created_s: int
    """Seconds since the epoch."""
    stats: Stats


class Sandbox(Protocol):
    """One running sandbox. Its methods block; call them away from an event loop."""

    @property
    def id(self) -> str:
        """Name the sandbox as the engine does."""

    @property
    def endpoint(self) -> Endpoint:
        """Say where the supervisor listens."""

    @property
    def secret(self) -> str:
        """Return what every request has to carry."""

    def limit(self, policy: SandboxPolicy) -> None:
        """Change memory, processor and processes of the running sandbox. Raises EngineUnavailable and StartFailed."""

    def stats(self) -> Stats:
        """Measure what it uses, which takes up to 1 s. Raises EngineError, or SandboxDied when it is gone."""

    def image(self) -> str:
        """Name the image that it runs, with the beginning of its digest. Raises what ``stats`` raises."""

    def logs(self, lines: int) -> str:
        """Return the last lines that the supervisor wrote to its log. Raises what ``stats`` raises."""

    def stop(self) -> None:
        """End the sandbox and remove all that belongs to it. May be called again."""


class Engine(Protocol):
    """Starts sandboxes. Its methods block; call them away from an event loop."""

    @property
    def name(self) -> str:
        """Name the engine as the setting does."""

    def check(self) -> EngineInfo:
        """Ask the engine who it is. Raises EngineUnavailable."""

    def start(self, policy: SandboxPolicy, report: Report, packages_of: str = "") -> Sandbox:
        """Start a sandbox that answers, building the image first where it is missing.

        With the id of another sandbox it can write that one's packages, which nobody else can, and what it downloads
        is kept for the next one.
        Raises PolicyError, EngineUnavailable, ImageError or StartFailed; then nothing is left behind.
        """

    def dry_run(self, policy: SandboxPolicy) -> Mapping[str, Any]:
        """Return the exact call that ``start`` would make, without making it."""

    def reap(self) -> list[str]:
        """Remove sandboxes whose kernel is gone, and return their ids."""

    def measure(self) -> list[Measured]:
        """Measure every sandbox that runs, all at once; one that ends meanwhile is left out. Raises EngineError."""


def load() -> Engine:
    """Return the engine of this machine."""
    from .docker import DockerEngine  # costs 0.1 s, which `--help` does not have to pay

    return DockerEngine()
