"""One cell in a session: its events become messages, its questions go to the user, its end becomes a reply.

Contents are those of https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import introspection, magics, outputs
from .errors import Busy
from .introspection import Inquiry
from .magics import Settings
from .outlet import Outlet
from .outputs import Message
from .pace import Pace
from .session import Session
from .stdin import Questions
from .wire import End, Error, Input, Result

_PAGE_SECONDS = 5.0
"""A worker in a busy loop says nothing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One request to execute, and whose it is."""

    code: str
    count: int
    silent: bool
    stored: bool
    allow_stdin: bool
    expressions: Mapping[str, str]
    parent: Mapping[str, Any]
    ident: Any

    @property
    def execution(self) -> str:
        """Return the id by which its late output is known."""
        return str(self.parent["header"]["msg_id"])


class Execution:
    """A cell that has got its session."""

    def __init__(
        self,
        cell: Cell,
        session: Session,
        show: Callable[[Message], None],
        ask_user: Callable[[Input], Awaitable[str | None]],
        *,
        settings: Settings,
        pace: Pace,
    ) -> None:
        self.session = session
        self.outlet = Outlet(pace, lambda output: show(outputs.render(output, cell.count)))
        self.questions = Questions(ask_user, session.input)
        self.in_sandbox = False
        """Whether the program is there now, so that the sandbox can interrupt it."""
        self._cell = cell
        self._show = show
        self._settings = settings

    async def run(self) -> dict[str, Any]:
        """Do what the cell says, and return the content of ``execute_reply``. Raises SandboxError."""
        cell, payload = self._cell, []
        said, program = magics.run(cell.code, self._settings)
        if said:
            self._show(Message("stream", {"name": "stdout", "text": said}))
        if asked := introspection.inquiry(program):
            payload = await self._page(asked)
        elif program.strip() and (error := await self._program(program)) is not None:
            return failed(error, cell)
        values = {name: await self._evaluate(text) for name, text in cell.expressions.items()}
        return {"status": "ok", "execution_count": cell.count, "payload": payload, "user_expressions": values}

    async def _program(self, code: str) -> Error | None:
        """Return the error that ended it."""
        cell, error = self._cell, None
        self.in_sandbox = True
        try:
            async for event in self.session.execute(
                code,
                execution=cell.execution,
                timeout_ms=self._settings.timeout_ms,
                count=cell.count,
                store_history=cell.stored,
                allow_stdin=cell.allow_stdin,
            ):
                match event:
                    case Input():
                        await self.outlet.flush()
                        await self.questions.put(event)
                    case End():
                        await self.outlet.finish(event)
                        ending = outputs.ending(event)
                        if ending is not None:
                            self._show(outputs.render(ending, cell.count))
                        error = ending or error
                    case _:
                        error = event if isinstance(event, Error) else error
                        await self.outlet.put(event)
        finally:
            self.in_sandbox = False
            self.questions.close()
            self.outlet.close()
        return error

    async def _page(self, asked: Inquiry) -> list[dict[str, Any]]:
        """Return what a pager shows of a name, and say it where nothing is known of it."""
        units = introspection.utf16_units(asked.name, len(asked.name))
        try:
            async with asyncio.timeout(_PAGE_SECONDS):
                found = await self.session.inspect(asked.name, units, detail=asked.detail)
        except (Busy, TimeoutError):
            silent = f"The sandbox did not say what `{asked.name}` is."
            remedy = "What an earlier cell started keeps it busy; wait for its end, or restart the kernel."
            raise Busy(silent, remedy) from None
        if found.data:
            return [introspection.page(found.data)]
        self._show(Message("stream", {"name": "stderr", "text": introspection.unknown(asked)}))
        return []

    async def _evaluate(self, expression: str) -> dict[str, Any]:
        """Return one user expression's value; what it prints is not shown, and nobody answers what it asks."""
        error: Error | None = None
        data: dict[str, Any] = {"text/plain": "undefined"}
        async for event in self.session.execute(f"({expression}\n)", color=False):
            match event:
                case Error():
                    error = event
                case Result():
                    data = outputs.allowed(event.data)
                case Input():
                    await self.session.input(event.id, None)
                case End():
                    error = outputs.ending(event) or error
        if error is None:
            return {"status": "ok", "data": data, "metadata": {}}
        return {"status": "error", **_content(error)}


def failed(error: Error, cell: Cell) -> dict[str, Any]:
    """Return the content of ``execute_reply`` for a cell that an error ended."""
    return {
        "status": "error",
        "execution_count": cell.count,
        "payload": [],
        "user_expressions": {},
        **_content(error),
    }


def _content(error: Error) -> dict[str, Any]:
    return {"ename": error.ename, "evalue": error.evalue, "traceback": list(error.traceback)}
