"""Questions about code: what may stand at a cursor, what a name is, whether a cell is whole, what was run before.

Law: they are answered while a cell runs too, none of them raises, and nobody who types waits long for an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from . import introspection, magics
from .answers import Completion, Completions
from .dispatch import Dispatch
from .errors import SandboxError
from .history import History
from .lease import Lease
from .session import Session

_ASK_SECONDS = 1.0
"""A worker in a busy loop would let a front end wait."""

_T = TypeVar("_T")


class CodeQuestions(Dispatch):
    """A kernel that can be asked about code."""

    _lease: Lease

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._history = History(self.log)

    async def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        """Return the magics that begin like the word at the cursor, or ask the worker what may stand there."""
        units = introspection.utf16_units(code, cursor_pos)
        found: Completions | None
        if (typed := magics.name_before(code, cursor_pos)) is not None:
            names = tuple(Completion(name, "magic", "") for name in magics.matches(typed))
            found = Completions(units - introspection.utf16_units(typed, len(typed)), units, names)
        else:
            found = await self._ask(lambda session: session.complete(code, units))
        return introspection.complete_reply(code, cursor_pos, found)

    async def do_inspect(
        self,
        code: str,
        cursor_pos: int,
        detail_level: int = 0,
        omit_sections: object = (),  # noqa: ARG002  (there are no sections)
    ) -> dict[str, Any]:
        """Return the help of the magic at the cursor, or ask the worker what the name there is."""
        if (name := magics.name_at(code, cursor_pos)) in magics.MAGICS:
            return introspection.inspect_reply({"text/plain": magics.documentation(name)})
        units = introspection.utf16_units(code, cursor_pos)
        found = await self._ask(lambda session: session.inspect(code, units, detail=detail_level > 0))
        return introspection.inspect_reply({} if found is None else found.data)

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Ask the worker's parser for what is a program; "unknown" while there is no sandbox to ask."""
        program = magics.program_of(code)
        if code.strip() and (not program.strip() or introspection.inquiry(program)):
            return {"status": "complete", "indent": ""}
        answer = await self._ask(lambda session: session.is_complete(program))
        return {"status": "unknown"} if answer is None else {"status": answer.status, "indent": answer.indent}

    async def do_history(self, **request: Any) -> dict[str, Any]:
        """Return what was run in this kernel and in earlier ones."""
        return {"status": "ok", "history": await self._history.find(request)}

    async def _ask(self, question: Callable[[Session], Awaitable[_T]]) -> _T | None:
        """Return the answer, and None where there is nobody to ask, or none in time."""
        session = self._lease.session
        if session is None:
            return None
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await question(session)
        except (SandboxError, TimeoutError):
            return None
        except Exception:
            self.log.exception("a question about code failed")
            return None
