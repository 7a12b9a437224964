"""One sandbox and one HTTP client: requests and events instead of bytes.

Law: the transport's exceptions become ours here and nowhere else. An execution that breaks off without its
``end`` means that the sandbox is gone; one that is silent is ended, and whoever waits for it is told so.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

import h11

from .answers import (
    Completeness,
    Completions,
    Inspection,
    Listing,
    Variable,
    Vitals,
    WriteMode,
    Written,
    decode_acceptance,
    decode_completeness,
    decode_completions,
    decode_file_refusal,
    decode_inspection,
    decode_listing,
    decode_variables,
    decode_vitals,
    decode_written,
)
from .engines import Sandbox
from .errors import Busy, FileError, PeerError, SandboxDied, SandboxError, VersionMismatch
from .names import visible
from .packages import Package
from .policy import SandboxPolicy
from .transport import Answer, Content, HttpClient, encode
from .watch import watched
from .wire import PROTOCOL, Alive, Event, ExecuteRequest, Hello, LateEvent, Lines, Order, decode, decode_late

_ANSWER_SECONDS = 10.0
_GREETING_SECONDS = 10
_SILENT_SECONDS = 4
"""The supervisor says each second that it is alive."""
_MAX_ANSWER_BYTES = 1 << 20
_MAX_BODY_BYTES = 1 << 20
"""``MAX_BODY_BYTES`` of the supervisor."""
_NDJSON = "application/x-ndjson"


class Session:
    """The variables of one notebook, in the sandbox that holds them. Belongs to one event loop."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.packages: tuple[Package, ...] = ()
        """What has been installed in the sandbox."""
        self._id = uuid.uuid4().hex
        self._client = HttpClient(sandbox.endpoint, sandbox.secret)
        self._why_gone = "The sandbox is gone."

    async def late_events(self) -> AsyncIterator[LateEvent]:
        """Hold the line that keeps the sandbox alive, and yield what belongs to no running cell.

        The first event is a Hello of our protocol. Ends when the sandbox does. Raises SandboxDied when it is silent,
        VersionMismatch and PeerError.
        """
        patience = _GREETING_SECONDS
        with self._translated():
            async with aclosing(self._lines("GET", "/events", None)) as lines:
                while True:
                    with watched(patience, partial(self._give_up, patience)):
                        line = await anext(lines, None)
                    if line is None:
                        return
                    event = decode_late(line)
                    if patience != _SILENT_SECONDS:
                        _check_greeting(event)
                        patience = _SILENT_SECONDS
                    if not isinstance(event, Alive):
                        yield event

    def _give_up(self, seconds: int) -> None:
        self._why_gone = f"The sandbox was silent for {seconds} s, so it was ended."
        self._client.close()

    async def execute(
        self,
        code: str,
        *,
        execution: str = "",
        count: int = 1,
        file: str = "",
        stateless: bool = False,
        color: bool = True,
        timeout_ms: int = 0,
        store_history: bool = False,
        allow_stdin: bool = False,
    ) -> AsyncIterator[Event]:
        """Run one cell and yield its events as they happen; the last one is its End.

        An Input among them has to be answered by ``input``. Raises Busy, SandboxDied or PeerError.
        """
        request = ExecuteRequest(
            code=code,
            session=None if stateless else self._id,
            execution=execution,
            count=count,
            file=file,
            color=color,
            timeout_ms=timeout_ms,
            store_history=store_history,
            allow_stdin=allow_stdin,
        )
        order = Order()
        with self._translated():
            async with aclosing(self._lines("POST", "/execute", request.body())) as lines:
                async for line in lines:
                    yield order.check(decode(line))
                    if order.ended:
                        return
        if not order.ended:
            raise SandboxDied("The sandbox ended in the middle of the cell.")

    async def interrupt(self) -> None:
        """Ask for the end of the running cell; its events then end with the outcome "interrupted"."""
        await self._ask("/interrupt", {})

    async def input(self, question: int, value: str | None) -> bool:
        """Answer an Input, with None when nobody does; return whether the cell still waited for it."""
        return decode_acceptance(await self._ask("/input", {"id": question, "value": value}))

    # Questions to the worker. Each raises Busy when it cannot be asked, SandboxDied or PeerError.

    async def is_complete(self, code: str) -> Completeness:
        """Ask whether the code is a whole cell."""
        return decode_completeness(await self._ask("/is_complete", {"code": code}))

    async def complete(self, code: str, cursor: int) -> Completions:
        """Ask what may stand at the cursor, an offset in UTF-16 units."""
        return decode_completions(await self._ask("/complete", {"code": code, "cursor": cursor}))

    async def inspect(self, code: str, cursor: int, *, detail: bool) -> Inspection:
        """Ask what is known of the name at the cursor, an offset in UTF-16 units."""
        return decode_inspection(await self._ask("/inspect", {"code": code, "cursor": cursor, "detail": detail}))

    # Files of the sandbox's working folder, by paths below it. Each raises FileError, SandboxDied or PeerError.

    async def list_files(self, folder: str = "") -> Listing:
        """Ask what a folder holds, and what room is left."""
        async with self._file("GET", "/files", folder) as answer, asyncio.timeout(_ANSWER_SECONDS):
            return decode_listing(await _read(answer))

    async def read_file(self, path: str, most_bytes: int) -> AsyncGenerator[bytes]:
        """Yield a file as it arrives; one of more than ``most_bytes`` is a FileError, whatever the sandbox says."""
        size = 0
        async with self._file("GET", "/file", path) as answer:
            async for piece in answer.chunks():
                size += len(piece)
                if size > most_bytes:
                    raise FileError(
                        f"{visible(path)} has more than {most_bytes} bytes.", "Write what is needed to a smaller file."
                    )
                yield piece

    async def write_file(self, path: str, content: Content, mode: WriteMode = "create") -> Written:
        """Make a file of the content, or add it to one; all of it, or nothing is changed."""
        async with self._file("PUT", f"/file?mode={mode}", path, content) as answer:
            return decode_written(await _read(answer))

    @asynccontextmanager
    async def _file(self, method: str, route: str, path: str, body: Content | None = None) -> AsyncIterator[Answer]:
        target = f"{route}{'&' if '?' in route else '?'}path={quote(path, safe='', errors='replace')}"
        with self._translated():
            async with self._client.request(method, target, body) as answer:
                if answer.status != HTTPStatus.OK:
                    said = await _read(answer)
                    raise decode_file_refusal(path, said) or SandboxError(f"The sandbox refused: {visible(said[:300])}")
                yield answer

    async def variables(self) -> tuple[Variable, ...]:
        """Ask for the session's variables."""
        return decode_variables(await self._ask("/variables", {}))

    async def reset(self) -> None:
        """Forget all variables; files stay. Raises Busy while a cell runs."""
        await self._ask("/reset", {})

    async def limit(self, policy: SandboxPolicy) -> None:
        """Tell the supervisor what it enforces itself."""
        limits: dict[str, object] = {
            "max_execution_ms": policy.max_execution_ms,
            "max_memory_bytes": policy.memory_bytes,
            "max_output_bytes": policy.max_output_bytes,
        }
        await self._ask("/limits", limits)

    async def health(self) -> Vitals:
        """Ask the supervisor how it is, whatever the worker does. Raises SandboxDied and PeerError."""
        return decode_vitals(await self._ask("/health", None))

    async def close(self) -> None:
        """Let go of the line and end the sandbox. May be called again."""
        self._client.close()
        await asyncio.to_thread(self.sandbox.stop)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise SandboxDied(f"The sandbox did not answer within {_ANSWER_SECONDS:.0f} s.") from error
        except (OSError, h11.ProtocolError) as error:
            raise SandboxDied(self._why_gone) from error

    async def _lines(self, method: str, path: str, body: dict[str, object] | None) -> AsyncGenerator[str]:
        _check_size(body)
        splitter = Lines()
        async with self._client.request(method, path, body, _NDJSON) as answer:
            if answer.status != HTTPStatus.OK:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await _refuse(answer)
            async for chunk in answer.chunks():
                for line in splitter.feed(chunk):
                    yield line

    async def _ask(self, path: str, body: dict[str, object] | None) -> str:
        """POST a body, or GET where there is none."""
        _check_size(body)
        method = "GET" if body is None else "POST"
        with self._translated():
            async with asyncio.timeout(_ANSWER_SECONDS), self._client.request(method, path, body) as answer:
                if answer.status != HTTPStatus.OK:
                    await _refuse(answer)
                return await _read(answer)


def _check_size(body: dict[str, object] | None) -> None:
    """Refuse what the sandbox would hang up on, which would look like its end."""
    size = 0 if body is None else len(encode(body))
    if size > _MAX_BODY_BYTES:
        raise SandboxError(
            f"The cell takes {size} bytes; at most {_MAX_BODY_BYTES} are read.", "Split it, or read a file."
        )


def _check_greeting(event: LateEvent) -> None:
    if not isinstance(event, Hello):
        raise PeerError("The sandbox did not greet.")
    if event.protocol != PROTOCOL:
        raise VersionMismatch(
            f"The sandbox speaks protocol {event.protocol}, this kernel {PROTOCOL}.", "Run `bun-sandbox image build`."
        )


async def _read(answer: Answer) -> str:
    content = b""
    async for chunk in answer.chunks():
        content += chunk
        if len(content) > _MAX_ANSWER_BYTES:
            raise PeerError(f"The sandbox answered with more than {_MAX_ANSWER_BYTES} bytes.")
    return content.decode("utf-8", "replace")


async def _refuse(answer: Answer) -> None:
    sentence = f"The sandbox refused with {answer.status}: {(await _read(answer))[:500]}"
    raise Busy(sentence) if answer.status == HTTPStatus.CONFLICT else SandboxError(sentence)
