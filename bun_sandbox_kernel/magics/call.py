"""What a magic is given, and what it may use."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from ..cost import Cost
from ..errors import SandboxDied, UsageError
from ..folder import NotebookFolder
from ..lease import Lease
from ..monitor import Monitor
from ..outputs import Message
from ..policy import SandboxPolicy
from ..selfcheck import Proven
from ..session import Session
from ..wire import End
from .parts import Spell


@dataclass(slots=True)
class Settings:
    """What magics change, for this cell and the ones behind it."""

    timeout_ms: int = 0
    """Longest run of one cell; 0 for the sandbox's own limit alone."""
    footer: bool = False
    """Show below each cell what it took."""
    asked: dict[str, str] = field(default_factory=dict)
    """Limits that the user has asked for here: variable of the environment → value."""
    allowed: Callable[[Mapping[str, str]], SandboxPolicy] = lambda _: SandboxPolicy()
    """What the machine makes of what is asked for. Raises PolicyError."""

    def policy(self) -> SandboxPolicy:
        """Return what holds for the next sandbox. Raises PolicyError."""
        return self.allowed(self.asked)


class Place(Protocol):
    """The cell that a magic stands in, and the sandbox of its kernel."""

    settings: Settings
    lease: Lease
    monitor: Monitor
    costs: Sequence[Cost]
    """Of the cells so far that ran something."""
    folder: NotebookFolder
    payload: list[dict[str, Any]]
    """Of ``execute_reply``: pages, and text for the next cell."""

    async def session(self) -> Session:
        """Return the session, its sandbox started first where there is none. Raises SandboxError."""

    async def run(self, code: str, file: str = "") -> End:
        """Run a program, the cell's own or a file's, its outputs shown. Raises Failed when it does not end well."""

    def show(self, message: Message) -> None:
        """Show something below the cell."""

    async def confirm(self, question: str) -> bool:
        """Ask the user; False where nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Call:
    """One magic in one cell."""

    place: Place
    spell: Spell

    @property
    def name(self) -> str:
        """The magic's own, with its percent signs."""
        return self.spell.name

    @property
    def argument(self) -> str:
        """What follows on its line."""
        return self.spell.argument

    @property
    def body(self) -> str:
        """What lies below a cell magic."""
        return self.spell.body

    def in_place(self, code: str, *, below: bool = False) -> str:
        """Return a program whose line numbers are those of the cell: on the magic's line, or below it."""
        return "\n" * (self.spell.line + below) + code

    async def proven(self) -> Proven:
        """Return the sandbox, started first where there is none. Raises SandboxError."""
        await self.place.session()
        proven = self.place.lease.proven
        if proven is None:
            raise SandboxDied("The sandbox is gone.")
        return proven

    def say(self, text: str) -> None:
        """Print for the user."""
        self.place.show(Message("stream", {"name": "stdout", "text": text}))

    def display(self, data: dict[str, Any], display_id: str = "", *, update: bool = False) -> None:
        """Show a MIME bundle."""
        content = {"data": data, "metadata": {}, "transient": {"display_id": display_id} if display_id else {}}
        self.place.show(Message("update_display_data" if update else "display_data", content))

    def refuse(self, remedy: str) -> UsageError:
        """Return the error for an argument that the magic does not take."""
        return UsageError(f"{self.name} does not take {self.argument[:60]!r}.", remedy)


Run = Callable[[Call], Awaitable[None]]


class Arguments(argparse.ArgumentParser):
    """argparse, whose complaints are UsageErrors and whose words are split like a shell's."""

    def __init__(self, call: Call) -> None:
        super().__init__(prog=call.name, add_help=False, allow_abbrev=False)
        self._argument = call.argument

    def read(self) -> argparse.Namespace:
        """Return what was given. Raises UsageError with the usage."""
        try:
            words = shlex.split(self._argument)
        except ValueError as error:
            self.error(str(error).lower())
        return self.parse_args(words)

    def error(self, message: str) -> NoReturn:
        """See ``read``."""
        usage = " ".join(self.format_usage().split()).removeprefix("usage: ")
        raise UsageError(f"{self.prog}: {message[:1].lower()}{message[1:300]}.", f"Usage: {usage}")
