"""What a cell asks its user, through Jupyter's input box.

Law: one box at a time, and an answer never reaches another question. Whoever waits here does not hold the loop, so
that what the cell prints meanwhile is shown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import zmq

from .errors import SandboxError
from .wire import Input

_POLL_SECONDS = 0.01
"""As often as ipykernel looks. The socket's descriptor will not do: it tells of a message once, maybe to a sender."""
_MOST_WAITING = 100
"""A program may ask in a loop without waiting; what is beyond this gets no answer."""
_REMEMBERED = 100
_END_OF_FILE = "\x04"


class InputBox:
    """The stdin channel of one kernel."""

    def __init__(self, socket: zmq.Socket[bytes], session: Any) -> None:
        self._socket = socket
        self._session = session
        self._asked: deque[str] = deque(maxlen=_REMEMBERED)

    async def ask(self, question: Input, parent: Mapping[str, Any], ident: Any) -> str | None:
        """Show the box to who sent the request, and return what is typed; None for the end of the file."""
        while self._receive() is not None:
            pass  # typed for a question that nobody waits for any more
        content = {"prompt": question.prompt, "password": question.password}
        sent = self._session.send(self._socket, "input_request", content, parent, ident=ident)
        self._asked.append(sent["header"]["msg_id"])
        while True:
            reply = self._receive()
            if reply is None:
                await asyncio.sleep(_POLL_SECONDS)
            elif not self._is_late(reply):
                return _typed(reply)

    def _receive(self) -> Mapping[str, Any] | None:
        """Return the next message, an empty one where it cannot be read, and None where there is none."""
        try:
            _, message = self._session.recv(self._socket, zmq.NOBLOCK)
        except zmq.ZMQError:
            raise
        except Exception:
            return {}
        return cast("Mapping[str, Any] | None", message)

    def _is_late(self, reply: Mapping[str, Any]) -> bool:
        """Tell by the parent, where a front end names it, whether an earlier box is answered."""
        if reply.get("msg_type") != "input_reply":
            return True
        answered = reply["parent_header"].get("msg_id")
        return answered in self._asked and answered != self._asked[-1]


class Questions:
    """The questions of one cell, in turn. Belongs to one event loop."""

    def __init__(
        self, ask: Callable[[Input], Awaitable[str | None]], answer: Callable[[int, str | None], Awaitable[object]]
    ) -> None:
        """``ask`` waits for the user, ``answer`` tells the cell."""
        self._ask = ask
        self._answer = answer
        self._waiting: asyncio.Queue[Input] = asyncio.Queue(_MOST_WAITING)
        self._given_up = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def put(self, question: Input) -> None:
        """Ask as soon as the earlier ones are answered; the answer goes to the cell."""
        if self._waiting.full():
            await self._tell(question, None)
            return
        self._waiting.put_nowait(question)
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._ask_in_turn())

    def give_up(self) -> None:
        """Answer all with None, those too that are still to come: the cell is interrupted."""
        self._given_up.set()

    def close(self) -> None:
        """Ask no more: the cell has ended."""
        if self._work is not None:
            self._work.cancel()

    async def _ask_in_turn(self) -> None:
        while True:
            question = await self._waiting.get()
            await self._tell(question, await self._value(question))

    async def _value(self, question: Input) -> str | None:
        if self._given_up.is_set():
            return None
        typing = asyncio.ensure_future(self._ask(question))
        giving_up = asyncio.ensure_future(self._given_up.wait())
        try:
            await asyncio.wait({typing, giving_up}, return_when=asyncio.FIRST_COMPLETED)
            return typing.result() if typing.done() and typing.exception() is None else None
        finally:
            typing.cancel()
            giving_up.cancel()

    async def _tell(self, question: Input, value: str | None) -> None:
        try:
            await self._answer(question.id, value)
        except SandboxError:
            # Longer than the sandbox takes, or the sandbox is gone, which the cell's events tell.
            with suppress(SandboxError):
                await self._answer(question.id, None)


def _typed(reply: Mapping[str, Any]) -> str | None:
    value = reply["content"].get("value")
    return value if isinstance(value, str) and value != _END_OF_FILE else None
