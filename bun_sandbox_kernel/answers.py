"""What a worker answers to questions about code; part of the twin of ``docker/src/wire.ts``. Pure: no I/O here.

Law: an answer to another question, or one larger than the caps below, is a PeerError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .errors import FileError, PeerError
from .fields import Fields, MimeBundle
from .names import visible

MAX_MATCHES = 2_000
"""Most completions in one answer."""
MAX_TEXT = 1_000
"""Longest text of a completion, in characters."""
MAX_ENTRIES = 500
"""Most names of one folder."""
_MAX_NAME = 255
_MAX_NUMBER = 1 << 53
MAX_VARIABLES = 1_000
MAX_WORD = 100
"""Longest version that is shown."""
_STATUSES: tuple[Literal["complete", "incomplete", "invalid"], ...] = ("complete", "incomplete", "invalid")

Kind: TypeAlias = Literal["file", "folder", "link", "other"]
WriteMode: TypeAlias = Literal["create", "replace", "append"]
"""What a write does where a file of that name is: be refused, take its place, or add to it."""
_KINDS: tuple[Kind, ...] = ("file", "folder", "link", "other")


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether a piece of code is a whole cell, as ``is_complete_reply`` has it."""

    status: Literal["complete", "incomplete", "invalid"]
    indent: str


@dataclass(frozen=True, slots=True)
class Completion:
    """One text that may stand there; ``kind`` is a word of the ``_jupyter_types_experimental`` metadata."""

    text: str
    kind: str
    signature: str


@dataclass(frozen=True, slots=True)
class Completions:
    """What may stand between ``start`` and ``end``, offsets in UTF-16 units; the best first."""

    start: int
    end: int
    matches: tuple[Completion, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of the name at the cursor; an empty bundle when nothing is."""

    data: MimeBundle


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder; nothing about it is more than what user code wanted. Bytes, and milliseconds since 1970."""

    name: str
    kind: Kind
    bytes: int
    modified_ms: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder of the sandbox, and the room in its working folder. ``left_out`` names are not among the entries."""

    entries: tuple[Entry, ...]
    left_out: int
    total_bytes: int
    free_bytes: int
    total_files: int
    free_files: int


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a file: how many bytes arrived, and whether one of that name was there."""

    bytes: int
    existed: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """One of the session's variables; ``bytes`` is what the value takes by itself, None where nobody knows."""

    name: str
    declared: str
    kind: str
    bytes: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the supervisor says of itself; ``restarts`` counts the workers that have ended."""

    version: str
    bun: str
    restarts: int


def decode_completeness(answer: str) -> Completeness:
    """Return what ``POST /is_complete`` answers. Raises PeerError."""
    fields = _about("is_complete", answer)
    status = next((known for known in _STATUSES if known == fields.text("status")), None)
    if status is None:
        raise PeerError("The sandbox gave an unknown status of completeness.")
    return Completeness(status, fields.text("indent"))


def decode_completions(answer: str) -> Completions:
    """Return what ``POST /complete`` answers. Raises PeerError."""
    fields = _about("complete", answer)
    start, end, matches = fields.integer("start"), fields.integer("end"), fields.values.get("matches")
    if not 0 <= start <= end:
        raise PeerError(f"The sandbox wants to replace the text from {start} to {end}.")
    if not isinstance(matches, list) or len(matches) > MAX_MATCHES:
        raise PeerError(f"The sandbox gave no list of at most {MAX_MATCHES} completions.")
    return Completions(start, end, tuple(map(_completion, matches)))


def decode_inspection(answer: str) -> Inspection:
    """Return what ``POST /inspect`` answers. Raises PeerError."""
    return Inspection(_about("inspect", answer).bundle())


def decode_vitals(answer: str) -> Vitals:
    """Return what ``GET /health`` answers. Raises PeerError."""
    fields = Fields.parse(answer)
    return Vitals(fields.text("version")[:MAX_WORD], fields.text("bun")[:MAX_WORD], fields.integer("restarts"))


def decode_variables(answer: str) -> tuple[Variable, ...]:
    """Return what ``POST /variables`` answers. Raises PeerError."""
    found = _about("variables", answer).objects("variables")
    if len(found) > MAX_VARIABLES:
        raise PeerError(f"The sandbox gave more than {MAX_VARIABLES} variables.")
    return tuple(map(_variable, found))


def decode_acceptance(answer: str) -> bool:
    """Return what ``POST /input`` answers: whether somebody still waited. Raises PeerError."""
    return Fields.parse(answer).flag("accepted")


def decode_listing(answer: str) -> Listing:
    """Return what ``GET /files`` answers. Raises PeerError."""
    fields = Fields.parse(answer)
    entries = fields.objects("entries")
    if len(entries) > MAX_ENTRIES:
        raise PeerError(f"The sandbox listed more than {MAX_ENTRIES} files.")
    numbers = ("left_out", "total_bytes", "free_bytes", "total_files", "free_files")
    return Listing(tuple(map(_entry, entries)), *(_size(fields, name) for name in numbers))


def decode_written(answer: str) -> Written:
    """Return what ``PUT /file`` answers. Raises PeerError."""
    fields = Fields.parse(answer)
    return Written(_size(fields, "bytes"), fields.flag("existed"))


_REFUSALS = {
    "bad_path": (
        "{path} is no path below the sandbox's working folder.",
        "Give the path of a file in /sandbox/code, with / between names.",
    ),
    "exists": ("{path} is in the sandbox already.", "Add --force to replace it, or --to NAME."),
    "no_access": ("The permissions of {path} in the sandbox forbid it.", "Change them in a cell: `fs.chmodSync`."),
    "no_file": ("There is no {path} in the sandbox.", "`%files` lists what is there."),
    "no_folder": (
        "A folder on the way to {path} in the sandbox is not there.",
        "Make it in a cell: `fs.mkdirSync`. Links are not followed.",
    ),
    "no_space": (
        "The sandbox's working folder has no room for {path}; nothing was written.",
        "Remove files from it, or start the kernel with a larger BUN_SANDBOX_CODE.",
    ),
    "not_a_file": ("{path} in the sandbox is a folder, a link or a pipe, and no file.", "Only files are taken."),
    "too_large": (
        "{path} is larger than the sandbox's working folder.",
        "Start the kernel with a larger BUN_SANDBOX_CODE.",
    ),
}
"""By the code of the refusal. Its own text is not shown: it comes from inside the sandbox."""


def decode_file_refusal(path: str, answer: str) -> FileError | None:
    """Return the error for a refusal of ``GET /files``, ``GET /file`` or ``PUT /file``; None for any other."""
    try:
        code = Fields.parse(answer).object("error").text("code")
    except PeerError:
        return None
    said = _REFUSALS.get(code)
    return None if said is None else FileError(said[0].format(path=visible(path)), said[1])


def _entry(fields: Fields) -> Entry:
    name, said = fields.text("name"), fields.text("kind")
    if not 0 < len(name) <= _MAX_NAME or "/" in name or name in {".", ".."}:
        raise PeerError("The sandbox listed a file by what is no name.")
    kind: Kind = next((known for known in _KINDS if known == said), "other")
    modified = fields.integer("modified_ms")
    return Entry(name, kind, _size(fields, "bytes"), max(-_MAX_NUMBER, min(modified, _MAX_NUMBER)))


def _size(fields: Fields, name: str) -> int:
    value = fields.integer(name)
    if not 0 <= value <= _MAX_NUMBER:
        raise PeerError(f"The sandbox sent an impossible {name!r}.")
    return value


def _variable(fields: Fields) -> Variable:
    size = None if fields.values.get("bytes") is None else fields.integer("bytes")
    texts = (fields.text(name)[:MAX_TEXT] for name in ("name", "declared", "kind", "text"))
    name, declared, kind, text = texts
    return Variable(name, declared, kind, size, text)


def _about(question: str, answer: str) -> Fields:
    fields = Fields.parse(answer)
    if fields.text("about") != question:
        raise PeerError("The sandbox answered another question.")
    return fields


def _completion(match: object) -> Completion:
    if not isinstance(match, dict):
        raise PeerError("The sandbox gave a completion that is not a JSON object.")
    fields = Fields(match)
    completion = Completion(fields.text("text"), fields.text("kind"), fields.text("signature"))
    if max(map(len, (completion.text, completion.kind, completion.signature))) > MAX_TEXT:
        raise PeerError(f"The sandbox gave a completion of more than {MAX_TEXT} characters.")
    return completion
