"""One cell in a session: its events become messages, its questions go to the user, its end becomes a reply.

Contents are those of https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import health, introspection, magics, outputs, views
from .cost import Cost
from .errors import Busy
from .folder import NotebookFolder
from .introspection import Inquiry
from .lease import Lease
from .magics import Settings, Spell
from .monitor import Monitor
from .outlet import Outlet
from .outputs import Message
from .pace import Pace
from .progress import opened
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


class Failed(Exception):
    """A program of the cell did not end well; its error has been shown."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.evalue)
        self.error = error


class Running(NamedTuple):
    """A program of the cell that runs now, and how it is reached."""

    session: Session
    outlet: Outlet
    questions: Questions


class Execution:
    """A cell on its way: the place that its magics stand in, too."""

    def __init__(
        self,
        cell: Cell,
        lease: Lease,
        show: Callable[[Message], None],
        ask_user: Callable[[Input], Awaitable[str | None]],
        *,
        settings: Settings,
        folder: NotebookFolder,
        pace: Pace,
        costs: Sequence[Cost],
        monitor: Monitor,
    ) -> None:
        self.lease = lease
        self.monitor = monitor
        self.settings = settings
        self.folder = folder
        self.costs = costs
        self.payload: list[dict[str, Any]] = []
        self.show = show
        self.running: Running | None = None
        self._cell = cell
        self._ask_user = ask_user
        self._pace = pace
        self._ends: list[End] = []

    @property
    def cost(self) -> Cost | None:
        """What the cell has taken so far; None while it has run nothing."""
        return Cost.of(self._cell.count, self._ends)

    async def session(self) -> Session:
        """Return the session, its sandbox started first where there is none. Raises SandboxError."""
        session = await opened(self.lease, self.show)
        await self._tell_of_degradation()
        return session

    async def _tell_of_degradation(self) -> None:
        """Show the sandbox's health by itself, once for each thing that is not as it should be."""
        lease = self.lease
        said = health.degraded(lease.proven, lease.losses)
        if said not in {"", lease.told}:
            lease.told = said
            data = views.health.bundle(await health.examine(lease), f"Sandbox health: {said}")
            self.show(Message("display_data", {"data": data, "metadata": {}, "transient": {}}))

    async def do(self) -> dict[str, Any]:
        """Do what the cell says, and return the content of ``execute_reply``. Raises SandboxError."""
        cell = self._cell
        try:
            parts = magics.parts(cell.code)
            for index, part in enumerate(parts):
                if isinstance(part, Spell):
                    await magics.perform(part, self)
                elif asked := introspection.inquiry(part.code):
                    await self._page(asked)
                else:
                    is_last = index == len(parts) - 1
                    await self.run(part.code if is_last else f"{part.code}\n;")
        except Failed as failure:
            return failed(failure.error, cell)
        values = {name: await self._evaluate(text) for name, text in cell.expressions.items()}
        return {
            "status": "ok",
            "execution_count": cell.count,
            "payload": self.payload,
            "user_expressions": values,
        }

    async def run(self, code: str, file: str = "") -> End:
        """Run a program as a part of the cell, its outputs shown. Raises Failed and SandboxError.

        ``file`` is what tracebacks call it in place of the cell.
        """
        cell = self._cell
        session = await self.session()
        outlet = Outlet(self._pace, lambda output: self.show(outputs.render(output, cell.count)))
        questions = Questions(self._ask_user, session.input)
        error: Error | None = None
        self.running = Running(session, outlet, questions)
        try:
            async for event in session.execute(
                code,
                execution=cell.execution,
                timeout_ms=self.settings.timeout_ms,
                count=cell.count,
                file=file,
                store_history=cell.stored,
                allow_stdin=cell.allow_stdin,
            ):
                match event:
                    case Input():
                        await outlet.flush()
                        await questions.put(event)
                    case End():
                        self._ends.append(event)
                        if event.state == "lost":
                            self.lease.mourn(event.message)
                        await outlet.finish(event)
                        ending = outputs.ending(event)
                        if ending is not None:
                            self.show(outputs.render(ending, cell.count))
                        error = ending or error
                    case _:
                        error = event if isinstance(event, Error) else error
                        await outlet.put(event)
        finally:
            self.running = None
            questions.close()
            outlet.close()
        if error is not None:
            raise Failed(error)
        return self._ends[-1]

    async def confirm(self, question: str) -> bool:
        """Ask the user; False where nobody can be asked."""
        answer = await self._ask_user(Input(0, f"{question} [y/N] ", password=False))
        return (answer or "").strip().lower() in {"y", "yes"}

    async def _page(self, asked: Inquiry) -> None:
        """Show what is known of a name in a pager, and say it where nothing is."""
        session = await self.session()
        units = introspection.utf16_units(asked.name, len(asked.name))
        try:
            async with asyncio.timeout(_PAGE_SECONDS):
                found = await session.inspect(asked.name, units, detail=asked.detail)
        except (Busy, TimeoutError):
            silent = f"The sandbox did not say what `{asked.name}` is."
            remedy = "What an earlier cell started keeps it busy; wait for its end, or restart the kernel."
            raise Busy(silent, remedy) from None
        if found.data:
            self.payload.append(introspection.page(found.data))
        else:
            self.show(Message("stream", {"name": "stderr", "text": introspection.unknown(asked)}))

    async def _evaluate(self, expression: str) -> dict[str, Any]:
        """Return one user expression's value; what it prints is not shown, and nobody answers what it asks."""
        error: Error | None = None
        data: dict[str, Any] = {"text/plain": "undefined"}
        session = await self.session()
        async for event in session.execute(f"({expression}\n)", color=False):
            match event:
                case Error():
                    error = event
                case Result():
                    data = outputs.allowed(event.data)
                case Input():
                    await session.input(event.id, None)
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
