"""Pure: one JSON object from the sandbox, read field by field, so that nothing is taken as it comes.

Law: what is missing, of a wrong type, or a tree too large to hold is a PeerError that names it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from .errors import PeerError

MimeBundle: TypeAlias = Mapping[str, Any]
_T = TypeVar("_T")
_MAX_NODES = 500_000
"""Most brackets in one line: small text can be a large tree."""
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?(?:"|\Z)', re.DOTALL)
"""A string, or its beginning at the end of the text: what begins always matches, so no text is searched twice."""
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read by type. Every method raises PeerError."""

    values: Mapping[str, Any]

    @classmethod
    def parse(cls, line: str) -> Fields:
        """Read the object from its text."""
        if _brackets(line) > _MAX_NODES and _brackets(_STRING.sub("", line)) > _MAX_NODES:
            raise PeerError("The sandbox sent a line of too many values.")
        try:
            values = json.loads(line, parse_constant=_finite, parse_float=_finite)
            if _LONE_SURROGATE.search(line):
                # JavaScript text may hold half a character, which no message can carry.
                text = json.dumps(values, ensure_ascii=False)
                values = json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        except (ValueError, RecursionError) as error:
            raise PeerError("The sandbox sent a line that is not JSON.") from error
        if not isinstance(values, dict):
            raise PeerError("The sandbox sent a line that is not a JSON object.")
        return cls(values)

    def text(self, name: str) -> str:
        """Return a text."""
        return self._typed(name, str)

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        return self._typed(name, bool)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        value: int = self._typed(name, int)
        if isinstance(value, bool):
            raise PeerError(f"The sandbox sent an event whose {name!r} is not a number.")
        return value

    def object(self, name: str) -> Fields:
        """Return an object within."""
        return Fields(self._typed(name, dict))

    def objects(self, name: str) -> tuple[Fields, ...]:
        """Return a list of objects within."""
        values = self._typed(name, list)
        if not all(isinstance(value, dict) for value in values):
            raise PeerError(f"The sandbox sent an event whose {name!r} is not a list of objects.")
        return tuple(map(Fields, values))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self._typed(name, list)
        if not all(isinstance(value, str) for value in values):
            raise PeerError(f"The sandbox sent an event whose {name!r} is not a list of text.")
        return tuple(values)

    def bundle(self) -> MimeBundle:
        """Return ``data``, whose keys are MIME types."""
        data = self.object("data").values
        if not all("/" in key for key in data):
            raise PeerError("The sandbox sent a value that is not a MIME bundle.")
        return data

    def _typed(self, name: str, kind: type[_T]) -> _T:
        value = self.values.get(name)
        if not isinstance(value, kind):
            raise PeerError(f"The sandbox sent an event without a proper {name!r}.")
        return value


def _finite(number: str) -> float:
    """Refuse NaN and the infinities, which JSON does not have and no message can carry."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value


def _brackets(text: str) -> int:
    return text.count("[") + text.count("{")
