"""What travels between the kernel and the sandbox; with ``answers`` the twin of ``docker/src/wire.ts``. Pure.

Law: whatever the sandbox says is checked, size-capped and closed over the types below. A line that does not decode,
or an event out of order, is a PeerError; the cell ends and the kernel lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .errors import PeerError
from .fields import Fields, MimeBundle

PROTOCOL = 3
"""Raised with every change that an older peer would misread."""
MAX_LINE_BYTES = 16 << 20
"""Longest line that is read; the supervisor takes 4 Mi characters from the worker, in UTF-8 at most thrice as long."""

Outcome: TypeAlias = Literal["ok", "error", "interrupted", "timeout", "memory", "crashed"]
_OUTCOMES: tuple[Outcome, ...] = ("ok", "error", "interrupted", "timeout", "memory", "crashed")


@dataclass(frozen=True, slots=True)
class Stream:
    """Text that the cell, or a process it started, wrote to its standard output or error."""

    name: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True, slots=True)
class Display:
    """A value that the cell showed while it ran; ``update`` replaces the outputs with the same ``display_id``."""

    data: MimeBundle
    metadata: Mapping[str, Any]
    display_id: str | None
    update: bool


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove the cell's outputs, with ``wait`` only when the next one arrives."""

    wait: bool


@dataclass(frozen=True, slots=True)
class Result:
    """The value of the cell's last expression."""

    data: MimeBundle
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """The cell threw; ``traceback`` is ready to print, a line an element."""

    ename: str
    evalue: str
    traceback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """The cell waits for a line of input, which ``POST /input`` brings; ``password``: not to be shown."""

    id: int
    prompt: str
    password: bool


@dataclass(frozen=True, slots=True)
class End:
    """The last event of every execution; ``message`` says what ended it when the program itself did not.

    Times in milliseconds, sizes in bytes. ``state`` is "lost" when the session's variables are gone.
    """

    outcome: Outcome
    state: Literal["kept", "lost"]
    message: str
    exit_code: int | None
    wall_ms: int
    cpu_ms: int
    peak_memory_bytes: int
    output_bytes: int
    dropped_bytes: int


Output: TypeAlias = Stream | Display | Clear | Result | Error
Event: TypeAlias = Output | Input | End


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of the sandbox's own stream."""

    protocol: int


@dataclass(frozen=True, slots=True)
class Late:
    """Output of a cell that has ended; ``execution`` is the id that the kernel gave it."""

    execution: str
    event: Output


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker died between two cells, and all variables with it."""

    message: str


@dataclass(frozen=True, slots=True)
class Alive:
    """Said each second, whatever the worker does."""


LateEvent: TypeAlias = Hello | Late | WorkerLost | Alive


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """The body of ``POST /execute``. Without a session, the code gets a worker that ends with it."""

    code: str
    session: str | None
    execution: str = ""
    count: int = 1
    file: str = ""
    color: bool = True
    timeout_ms: int = 0
    store_history: bool = False
    allow_stdin: bool = False

    def body(self) -> dict[str, object]:
        """Return the JSON object that the supervisor reads."""
        return {name: getattr(self, name) for name in self.__slots__}


def decode(line: str) -> Event:
    """One line of an execution → its event. Raises PeerError."""
    return _event(Fields.parse(line))


def decode_late(line: str) -> LateEvent:
    """One line of ``GET /events`` → its event. Raises PeerError."""
    fields = Fields.parse(line)
    match fields.text("type"):
        case "hello":
            return Hello(fields.integer("protocol"))
        case "late":
            event = _event(fields.object("event"))
            if isinstance(event, End | Input):
                raise PeerError("The sandbox ended a cell, or asked for input, after the cell's end.")
            return Late(fields.text("execution"), event)
        case "worker":
            return WorkerLost(fields.text("message"))
        case "alive":
            return Alive()
        case other:
            raise PeerError(f"The sandbox sent an unknown event {other[:40]!r}.")


class Order:
    """The lawful order of events: any outputs and questions, at most one result or error among them, then one end."""

    def __init__(self) -> None:
        self._settled = False
        self.ended = False

    def check(self, event: Event) -> Event:
        """Return the event, or raise PeerError when it may not come now."""
        if self.ended:
            raise PeerError("The sandbox went on after the end of a cell.")
        if isinstance(event, Result | Error):
            if self._settled:
                raise PeerError("The sandbox sent a second result for one cell.")
            self._settled = True
        self.ended = isinstance(event, End)
        return event


class Lines:
    """Bytes in pieces → whole lines, none longer than ``MAX_LINE_BYTES``."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that the chunk completes. Raises PeerError on a line too long or not UTF-8."""
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            whole = bytes(self._rest + head)
            self._rest.clear()
        self._rest += tail
        if len(self._rest) > MAX_LINE_BYTES:
            raise PeerError(f"The sandbox sent a line of more than {MAX_LINE_BYTES >> 20} MiB.")
        if not newline:
            return []
        try:
            return [line for line in whole.decode("utf-8").split("\n") if line]
        except UnicodeDecodeError as error:
            raise PeerError("The sandbox sent bytes that are not UTF-8.") from error


def _event(fields: Fields) -> Event:  # noqa: PLR0911  (one for each)
    match fields.text("type"):
        case "stream":
            name: Literal["stdout", "stderr"] = "stderr" if fields.text("name") == "stderr" else "stdout"
            return Stream(name, fields.text("text"))
        case "display":
            display_id = None if fields.values.get("display_id") is None else fields.text("display_id")
            return Display(fields.bundle(), fields.object("metadata").values, display_id, fields.flag("update"))
        case "clear":
            return Clear(fields.flag("wait"))
        case "result":
            return Result(fields.bundle(), fields.object("metadata").values)
        case "error":
            return Error(fields.text("ename"), fields.text("evalue"), fields.texts("traceback"))
        case "input":
            return Input(fields.integer("id"), fields.text("prompt"), fields.flag("password"))
        case "end":
            return _end(fields)
        case other:
            raise PeerError(f"The sandbox sent an unknown event {other[:40]!r}.")


def _end(fields: Fields) -> End:
    outcome = next((known for known in _OUTCOMES if known == fields.values.get("outcome")), None)
    if outcome is None:
        raise PeerError("The sandbox ended a cell with an unknown outcome.")
    return End(
        outcome=outcome,
        state="kept" if fields.text("state") == "kept" else "lost",
        message=fields.text("message"),
        exit_code=None if fields.values.get("exit_code") is None else fields.integer("exit_code"),
        wall_ms=fields.integer("wall_ms"),
        cpu_ms=fields.integer("cpu_ms"),
        peak_memory_bytes=fields.integer("peak_memory_bytes"),
        output_bytes=fields.integer("output_bytes"),
        dropped_bytes=fields.integer("dropped_bytes"),
    )
