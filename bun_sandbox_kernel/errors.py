"""What can go wrong on our side. The user's failing program is not here: that is data, an ``error`` event.

    SandboxError
    ├── UsageError             a magic does not exist, or does not take its argument
    ├── PolicyError            a setting is wrong; nothing has started
    ├── InstallFailed          packages could not be installed; those that were there still are
    ├── EngineError            the engine could not do its part
    │   ├── EngineUnavailable  nobody answers, or not to us
    │   ├── ImageError         the sandbox's image could not be built
    │   └── StartFailed        the engine refused the sandbox, or it ended at once
    ├── SessionError           the sandbox was there
    │   ├── SandboxDied        and is gone, with all variables
    │   └── Busy               and runs another cell
    └── WireError              the other side does not speak our protocol
        ├── PeerError          it said something unlawful; it is not trusted any further
        └── VersionMismatch    it speaks another version

Law: every message says what happened, with the value; every remedy says what to do next.
"""

from __future__ import annotations


class SandboxError(Exception):
    """A failure of the machinery around the user's program.

    ``remedy`` is a sentence that tells the user what to do; ``state_lost`` is true when the session's variables are
    gone.
    """

    def __init__(self, message: str, remedy: str = "", *, state_lost: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.state_lost = state_lost

    def __str__(self) -> str:
        """One line: what happened, what to do, and what is lost."""
        lost = "All variables are gone; the next cell starts a fresh sandbox." if self.state_lost else ""
        return " ".join(part for part in (self.message, self.remedy, lost) if part)


class UsageError(SandboxError):
    """A magic that does not exist, or an argument that it does not take."""


class FileError(SandboxError):
    """A file of the notebook's folder or of the sandbox cannot be used as asked; nothing has changed."""


class PolicyError(SandboxError):
    """A setting is wrong: the message names it, its value and what is allowed."""


class InstallFailed(SandboxError):
    """Packages could not be installed. Those that were there before still are."""


class EngineError(SandboxError):
    """The engine could not do its part."""


class EngineUnavailable(EngineError):
    """No engine answers, or it does not let us in."""


class ImageError(EngineError):
    """The sandbox's image could not be built."""


class StartFailed(EngineError):
    """The engine refused the sandbox, or the sandbox ended before it was ready."""


class SessionError(SandboxError):
    """The sandbox was there, and the request could not be carried out."""


class SandboxDied(SessionError):
    """The sandbox is gone, and all variables with it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy, state_lost=True)


class Busy(SessionError):
    """The sandbox runs another cell, or belongs to another session."""


class WireError(SandboxError):
    """The other side does not speak our protocol."""


class PeerError(WireError):
    """The sandbox said something unlawful; it is not trusted any further, so its variables are lost."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy, state_lost=True)


class VersionMismatch(WireError):
    """The sandbox speaks another version of the protocol."""
