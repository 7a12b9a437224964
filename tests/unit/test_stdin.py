from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session

from bun_sandbox_kernel.errors import SandboxDied, SandboxError
from bun_sandbox_kernel.stdin import _MOST_WAITING, InputBox, Questions
from bun_sandbox_kernel.wire import Input

NAME = Input(1, "Name? ", password=False)
IDENT = b"front end"


class FrontEnd:
    """The other end of the stdin channel."""

    def __init__(self, socket: zmq.Socket[bytes], session: Session) -> None:
        self.socket = socket
        self.session = session

    def type(self, value: object, parent: dict[str, Any] | None = None) -> None:
        self.session.send(self.socket, "input_reply", {"value": value}, parent=parent)

    async def asked(self) -> dict[str, Any]:
        while True:
            _, message = self.session.recv(self.socket, zmq.NOBLOCK)
            if message is not None:
                return dict(message)
            await asyncio.sleep(0.001)


@pytest.fixture
def ends() -> Iterator[tuple[InputBox, FrontEnd]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    kernel, client = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    client.setsockopt(zmq.IDENTITY, IDENT)
    kernel.bind("inproc://stdin")
    client.connect("inproc://stdin")
    session = Session(key=b"secret")
    yield InputBox(kernel, session), FrontEnd(client, session.clone())
    context.destroy(linger=0)


async def ask(box: InputBox, question: Input = NAME) -> str | None:
    parent = {"header": {"msg_id": "request", "msg_type": "execute_request"}}
    async with asyncio.timeout(5):
        return await box.ask(question, parent, [IDENT])


async def test_the_box_is_shown_to_who_sent_the_request(ends: tuple[InputBox, FrontEnd]) -> None:
    box, front_end = ends
    asking = asyncio.ensure_future(ask(box, Input(7, "PIN ", password=True)))
    message = await front_end.asked()
    assert message["msg_type"] == "input_request"
    assert message["content"] == {"prompt": "PIN ", "password": True}
    assert message["parent_header"]["msg_id"] == "request"
    front_end.type("1234", message)
    assert await asking == "1234"


async def test_what_was_typed_for_an_abandoned_box_answers_no_other(ends: tuple[InputBox, FrontEnd]) -> None:
    box, front_end = ends
    abandoned = asyncio.ensure_future(ask(box))
    first = await front_end.asked()
    abandoned.cancel()
    front_end.type("early")
    await asyncio.sleep(0.05)
    asking = asyncio.ensure_future(ask(box))
    second = await front_end.asked()
    front_end.type("late", first)
    await asyncio.sleep(0.05)
    assert not asking.done()
    front_end.type("right", second)
    assert await asking == "right"


@pytest.mark.parametrize(("value", "answer"), [("", ""), ("\x04", None), (7, None), (None, None)])
async def test_answers(ends: tuple[InputBox, FrontEnd], value: object, answer: str | None) -> None:
    box, front_end = ends
    asking = asyncio.ensure_future(ask(box))
    await front_end.asked()
    front_end.type(value)
    assert await asking == answer


async def test_what_is_no_answer_is_passed_over(ends: tuple[InputBox, FrontEnd]) -> None:
    box, front_end = ends
    asking = asyncio.ensure_future(ask(box))
    await front_end.asked()
    front_end.socket.send_multipart([b"<IDS|MSG>", b"forged", b"{}", b"{}", b"{}", b"{}"])
    front_end.socket.send_multipart([b"nonsense"])
    front_end.session.send(front_end.socket, "comm_msg", {})
    front_end.type("answer")
    assert await asking == "answer"


class Cell:
    """Who asks, and gets the answers."""

    def __init__(self) -> None:
        self.shown: list[int] = []
        self.typed: asyncio.Queue[str | None] = asyncio.Queue()
        self.answers: list[tuple[int, str | None]] = []
        self.refuses: type[SandboxError] | None = None

    async def ask(self, question: Input) -> str | None:
        self.shown.append(question.id)
        return await self.typed.get()

    async def answer(self, question: int, value: str | None) -> None:
        if self.refuses is not None and value is not None:
            raise self.refuses("no")
        self.answers.append((question, value))

    async def settled(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.answers) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@pytest.fixture
def cell() -> Cell:
    return Cell()


def question(number: int) -> Input:
    return Input(number, "", password=False)


async def test_questions_are_asked_in_turn(cell: Cell) -> None:
    questions = Questions(cell.ask, cell.answer)
    for number in range(3):
        await questions.put(question(number))
    await asyncio.sleep(0.01)
    assert cell.shown == [0]
    for value in "abc":
        cell.typed.put_nowait(value)
    await cell.settled(3)
    assert cell.answers == [(0, "a"), (1, "b"), (2, "c")]
    questions.close()


async def test_after_an_interrupt_no_question_is_answered(cell: Cell) -> None:
    questions = Questions(cell.ask, cell.answer)
    await questions.put(question(0))
    await questions.put(question(1))
    await asyncio.sleep(0.01)
    questions.give_up()
    await questions.put(question(2))
    await cell.settled(3)
    assert cell.answers == [(0, None), (1, None), (2, None)]
    assert cell.shown == [0]
    questions.close()


async def test_a_cell_that_asks_without_end_gets_no_answers(cell: Cell) -> None:
    questions = Questions(cell.ask, cell.answer)
    for number in range(_MOST_WAITING + 10):
        await questions.put(question(number))
    assert cell.answers == [(number, None) for number in range(_MOST_WAITING, _MOST_WAITING + 10)]
    questions.close()


@pytest.mark.parametrize("refusal", [SandboxError, SandboxDied])
async def test_an_answer_that_is_refused_becomes_none(cell: Cell, refusal: type[SandboxError]) -> None:
    cell.refuses = refusal
    cell.typed.put_nowait("x" * 10)
    questions = Questions(cell.ask, cell.answer)
    await questions.put(question(0))
    await cell.settled(1)
    assert cell.answers == [(0, None)]
    questions.close()


async def test_an_ended_cell_waits_for_nobody(cell: Cell) -> None:
    questions = Questions(cell.ask, cell.answer)
    await questions.put(question(0))
    await asyncio.sleep(0.01)
    questions.close()
    cell.typed.put_nowait("late")
    await asyncio.sleep(0.01)
    assert cell.answers == []
