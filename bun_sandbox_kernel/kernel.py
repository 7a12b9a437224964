"""Jupyter requests → the session → messages. No engine word and no HTTP word here.

Law: whatever happens to the sandbox, the kernel answers and lives; the next cell tries again.
"""

from __future__ import annotations

import asyncio
import signal
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ipykernel.kernelbase import Kernel

from . import __version__, outputs
from .errors import SandboxDied, SandboxError
from .launch import Launch
from .lease import Lease
from .outputs import Message
from .progress import ProgressDisplay
from .session import Session
from .wire import End, Error, Late, LateEvent, Result, WorkerLost

_REMEMBERED_CELLS = 100
"""So many ended cells can still be told apart when output of theirs arrives late."""
_PROGRESS_SECONDS = 0.25
_ASK_SECONDS = 1.0
"""A front end that asks whether a cell is complete does not wait longer."""
_INTERRUPT_SECONDS = 3.0
"""After an interrupt the supervisor ends the cell within 1 s; when it does not, it is gone."""


class BunSandboxKernel(Kernel):
    """A Jupyter kernel whose cells run in a sandbox of their own."""

    implementation = "bun_sandbox"
    implementation_version = __version__
    banner = "Bun (Sandboxed): TypeScript in a hardened container"
    language_info = {  # noqa: RUF012  (the base class declares an instance attribute)
        "name": "typescript",
        "version": "7.0",
        "mimetype": "application/typescript",
        "file_extension": ".ts",
        "pygments_lexer": "typescript",
        "codemirror_mode": "typescript",
        "nbconvert_exporter": "script",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lease = Lease(None, self._publish_late)
        self._cell: asyncio.Task[Any] | None = None
        self._interrupting: asyncio.Task[None] | None = None
        self._in_session = False
        self._parents: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    # -- the kernel's own life -------------------------------------------------------------------------------------

    @property
    def kernel_info(self) -> dict[str, Any]:
        """Answer without the base class's debugger, whose import takes 50 ms, and without subshells."""
        return {
            "protocol_version": "5.3",
            "implementation": self.implementation,
            "implementation_version": self.implementation_version,
            "language_info": self.language_info,
            "banner": self.banner,
            "help_links": [{"text": "Bun", "url": "https://bun.sh/docs"}],
            "supported_features": [],
        }

    def adopt(self, launch: Launch | None) -> None:
        """Take over a sandbox that is on its way up already."""
        self._lease = Lease(launch, self._publish_late)

    def start(self) -> None:
        """Serve requests; the sandbox is on its way up meanwhile."""
        super().start()
        self._loop: asyncio.AbstractEventLoop = self.io_loop.asyncio_loop  # type: ignore[attr-defined]
        signal.signal(signal.SIGINT, lambda *_: self._loop.call_soon_threadsafe(self._interrupt))
        signal.signal(signal.SIGTERM, lambda *_: self._loop.call_soon_threadsafe(self._terminate))
        self._loop.call_soon(self._lease.open)

    def pre_handler_hook(self) -> None:
        """Keep our own SIGINT handler: the base class's would end the process in the middle of a cell."""

    def post_handler_hook(self) -> None:
        """See ``pre_handler_hook``."""

    async def interrupt_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Interrupt the cell, not the kernel's process. Runs on the control thread."""
        self._loop.call_soon_threadsafe(self._interrupt)
        self._send(stream, "interrupt_reply", {"status": "ok"}, parent, ident)

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """End the sandbox. Runs on the control thread, while the sandbox belongs to the main one."""
        with suppress(Exception):
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(), self._loop))
        return {"status": "ok", "restart": restart}

    def _terminate(self) -> None:
        def leave(_: object) -> None:
            self.io_loop.stop()

        self._lease.background(self._close()).add_done_callback(leave)

    async def _close(self) -> None:
        if self._cell is not None:
            self._cell.cancel()
        await self._lease.close()

    def _interrupt(self) -> None:
        if self._cell is None or self._cell.done():
            return
        session = self._lease.session
        if self._in_session and session is not None:
            if self._interrupting is None or self._interrupting.done():
                self._interrupting = self._lease.background(self._interrupt_cell(session, self._cell))
        else:
            self._cell.cancel()

    async def _interrupt_cell(self, session: Session, cell: asyncio.Task[Any]) -> None:
        with suppress(SandboxError, TimeoutError):
            async with asyncio.timeout(_INTERRUPT_SECONDS):
                await session.interrupt()
            await asyncio.wait({cell}, timeout=_INTERRUPT_SECONDS)
        if not cell.done():
            # The supervisor no longer does its work, so neither it nor what it holds is of use.
            cell.cancel("the sandbox did not answer, so it was ended; all variables are gone")
            await self._lease.lose()

    # -- requests --------------------------------------------------------------------------------------------------

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        allow_stdin: bool = False,  # noqa: ARG002  (the sandbox asks for no input yet)
    ) -> dict[str, Any]:
        """Run one cell, as https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute asks."""
        count = self.execution_count
        if not silent and not store_history:
            self.execution_count -= 1  # the base class counted it already
        parent = self.get_parent("shell")
        execution = str(parent["header"]["msg_id"])
        self._remember(execution, parent)
        cell = asyncio.ensure_future(self._run(code, count, execution, silent, user_expressions or {}))
        self._cell = cell
        try:
            return await cell
        except asyncio.CancelledError as cancelled:
            error = outputs.interrupted(*cancelled.args)
            return self._failed(error, count, silent, shown=False)
        finally:
            self._cell = None

    async def _run(
        self, code: str, count: int, execution: str, silent: bool, user_expressions: Mapping[str, str]
    ) -> dict[str, Any]:
        try:
            session = await self._session_with_progress(silent)
            error = await self._run_in(session, code, count, execution, silent) if code.strip() else None
            if error is not None:
                return self._failed(error, count, silent, shown=True)
            values = {name: await self._evaluate(session, text) for name, text in user_expressions.items()}
        except SandboxError as failure:
            if failure.state_lost:
                await self._lease.lose()
            return self._failed(outputs.failure(failure), count, silent, shown=False)
        except Exception as error:
            self.log.exception("a cell could not be run")
            await self._lease.lose()
            ours = SandboxDied(f"The kernel failed ({type(error).__name__}: {error}).", "Please report this.")
            return self._failed(outputs.failure(ours), count, silent, shown=False)
        return {"status": "ok", "execution_count": count, "payload": [], "user_expressions": values}

    async def _session_with_progress(self, silent: bool) -> Session:
        opening = self._lease.open()
        display = ProgressDisplay(self._publish)
        try:
            while not opening.done():
                await asyncio.wait({opening}, timeout=_PROGRESS_SECONDS)
                progress = self._lease.progress
                if progress is not None and not silent:
                    display.show(progress)
        finally:
            display.finish()
        return opening.result()

    async def _run_in(self, session: Session, code: str, count: int, execution: str, silent: bool) -> Error | None:
        """Publish the outputs of one cell, and return the error that ended it."""
        error: Error | None = None
        self._in_session = True
        try:
            async for event in session.execute(code, execution=execution, count=count):
                if isinstance(event, End):
                    ending = outputs.ending(event)
                    if ending is not None and not silent:
                        self._publish(outputs.render(ending, count))
                    error = ending or error
                    continue
                if isinstance(event, Error):
                    error = event
                if not silent:
                    self._publish(outputs.render(event, count))
        finally:
            self._in_session = False
        return error

    async def _evaluate(self, session: Session, expression: str) -> dict[str, Any]:
        """Return one user expression's value as ``execute_reply`` carries it; what it prints is not shown."""
        error: Error | None = None
        data: dict[str, Any] = {"text/plain": "undefined"}
        async for event in session.execute(f"({expression}\n)", color=False):
            if isinstance(event, Error):
                error = event
            elif isinstance(event, Result):
                data = outputs.allowed(event.data)
            elif isinstance(event, End):
                error = outputs.ending(event) or error
        if error is None:
            return {"status": "ok", "data": data, "metadata": {}}
        return {"status": "error", **_error_content(error)}

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Ask the worker's parser; "unknown" while there is no sandbox to ask."""
        session = self._lease.session
        if session is None:
            return {"status": "unknown"}
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                answer = await session.is_complete(code)
        except (SandboxError, TimeoutError):
            return {"status": "unknown"}
        return {"status": answer.status, "indent": answer.indent}

    # -- publishing ------------------------------------------------------------------------------------------------

    def _failed(self, error: Error, count: int, silent: bool, *, shown: bool) -> dict[str, Any]:
        if not silent and not shown:
            self._publish(outputs.render(error, count))
        content = _error_content(error)
        return {"status": "error", "execution_count": count, "payload": [], "user_expressions": {}, **content}

    def _publish_late(self, event: LateEvent) -> None:
        """Show what arrives between cells below the cell that it belongs to; what no cell asked for is dropped."""
        match event:
            case Late(execution, output) if execution in self._parents:
                self._publish(outputs.render(output, self.execution_count), self._parents[execution])
            case WorkerLost(message):
                text = f"Between two cells, {message}.\n"
                self._publish(Message("stream", {"name": "stderr", "text": text}), self._last_parent())

    def _publish(self, message: Message, parent: Mapping[str, Any] | None = None) -> None:
        topic = message.msg_type.encode()
        self._send(self.iopub_socket, message.msg_type, message.content, parent or self.get_parent("shell"), topic)

    def _send(self, stream: Any, msg_type: str, content: dict[str, Any], parent: Any, ident: Any) -> None:
        if self.session is not None:
            self.session.send(stream, msg_type, content, parent, ident=ident)

    def _remember(self, execution: str, parent: Mapping[str, Any]) -> None:
        self._parents[execution] = parent
        if len(self._parents) > _REMEMBERED_CELLS:
            self._parents.popitem(last=False)

    def _last_parent(self) -> Mapping[str, Any] | None:
        return next(reversed(self._parents.values()), None)


def _error_content(error: Error) -> dict[str, Any]:
    return {"ename": error.ename, "evalue": error.evalue, "traceback": list(error.traceback)}
