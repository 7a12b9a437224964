"""What a worker answers to questions about code; part of the twin of ``docker/src/wire.ts``. Pure: no I/O here.

Law: an answer to another question, or one larger than the caps below, is a PeerError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import PeerError
from .fields import Fields, MimeBundle

MAX_MATCHES = 2_000
"""Most completions in one answer."""
MAX_TEXT = 1_000
"""Longest text of a completion, in characters."""
MAX_VARIABLES = 1_000
MAX_WORD = 100
"""Longest version that is shown."""
_STATUSES: tuple[Literal["complete", "incomplete", "invalid"], ...] = ("complete", "incomplete", "invalid")


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
