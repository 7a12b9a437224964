"""HTTP/1.1 to the supervisor: asyncio's streams under h11, and nothing else between a cell and its answer.

A cell's way there and back takes 0.9 ms like this, and 2.4 ms with httpx; a trivial cell takes 0.5 ms inside.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import h11

from .engines import Endpoint, Unix

_READ_BYTES = 1 << 18
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter, h11.Connection]


class Content(NamedTuple):
    """A body that is sent a piece at a time; ``size`` is that of all of them, in bytes."""

    size: int
    pieces: Iterable[bytes]


class Answer:
    """A status, and a body that arrives in pieces."""

    def __init__(self, status: int, connection: _Connection) -> None:
        self.status = status
        self._connection = connection

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        while not isinstance(event := await _next_event(self._connection), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)


class HttpClient:
    """Connections to one endpoint, kept open between requests. Belongs to one event loop.

    Every call raises OSError when nobody answers any more, and h11.RemoteProtocolError when the answer is not HTTP.
    """

    def __init__(self, endpoint: Endpoint, secret: str) -> None:
        self._endpoint = endpoint
        self._headers = [("Host", "sandbox"), ("Authorization", f"Bearer {secret}")]
        self._idle: list[_Connection] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._closed = False

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | Content | None = None,
        accept: str = "application/json",
    ) -> AsyncIterator[Answer]:
        """Send one request; the connection is closed on the way out unless the body was read to its end."""
        connection = self._idle.pop() if self._idle else await self._connect()
        _, writer, state = connection
        try:
            content = body if isinstance(body, Content) else _whole(body)
            headers = [*self._headers, ("Accept", accept), ("Content-Length", str(content.size))]
            begin = state.send(h11.Request(method=method, target=path, headers=headers)) or b""
            if isinstance(body, Content):
                writer.write(begin)
                head = await _exchange(connection, content.pieces)
            else:
                writer.write(begin + b"".join(_framed(state, content.pieces)))
                await writer.drain()
                head = await _next_event(connection)
            if not isinstance(head, h11.Response):
                raise ConnectionError("the sandbox closed the connection")
            yield Answer(head.status_code, connection)
        finally:
            if _is_whole(state):
                state.start_next_cycle()
                self._idle.append(connection)
            else:
                self._drop(writer)

    def close(self) -> None:
        """Close every connection, the ones in use too; there will be no other."""
        self._closed = True
        self._idle.clear()
        for writer in list(self._open):
            self._drop(writer)

    async def _connect(self) -> _Connection:
        if self._closed:
            raise ConnectionError("the connection to the sandbox is closed")
        endpoint = self._endpoint
        reader, writer = await (
            asyncio.open_unix_connection(str(endpoint.path))
            if isinstance(endpoint, Unix)
            else asyncio.open_connection(endpoint.host, endpoint.port)
        )
        self._open.add(writer)
        return reader, writer, h11.Connection(h11.CLIENT)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        with suppress(OSError, RuntimeError):
            writer.transport.abort()  # what is still to be sent would wait for a peer that does not read


def encode(body: Mapping[str, object]) -> bytes:
    """Return the JSON in UTF-8; half a character, which no text holds, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _whole(body: Mapping[str, object] | None) -> Content:
    content = b"" if body is None else encode(body)
    return Content(len(content), (content,))


def _framed(state: h11.Connection, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield state.send(h11.Data(data=piece)) or b""
    yield state.send(h11.EndOfMessage()) or b""


async def _exchange(connection: _Connection, pieces: Iterable[bytes]) -> Any:
    """Send a body, no faster than it is read, and return the head of the answer, which may come before its end."""
    _, writer, state = connection
    answer = asyncio.ensure_future(_next_event(connection))
    try:
        for piece in _framed(state, pieces):
            writer.write(piece)
            draining = asyncio.ensure_future(writer.drain())
            await asyncio.wait({draining, answer}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done() or draining.exception() is not None:
                draining.cancel()
                break
        return await answer
    finally:
        answer.cancel()


def _is_whole(state: h11.Connection) -> bool:
    """Say whether the body's end has arrived, read or not: a reader may know before it that nothing follows."""
    if state.their_state is h11.SEND_BODY:
        with suppress(h11.RemoteProtocolError):
            state.next_event()
    return state.our_state is state.their_state is h11.DONE


async def _next_event(connection: _Connection) -> Any:
    reader, _, state = connection
    while (event := state.next_event()) is h11.NEED_DATA:
        state.receive_data(await reader.read(_READ_BYTES))
    return event
