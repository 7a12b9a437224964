"""Jupyter requests → the session → messages. No engine word and no HTTP word here.

Law: whatever happens to the sandbox, the kernel answers and lives; the next cell tries again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from . import LANGUAGE_VERSION, __version__, outputs
from .cost import KEY, REMEMBERED_CELLS, Cost
from .errors import SandboxDied, SandboxError
from .execution import Cell, Execution, Running, failed
from .folder import NotebookFolder
from .launch import Launch
from .lease import Lease
from .magics import Settings
from .monitor import Monitor
from .outputs import Message
from .pace import SERVED, Pace
from .policy import SandboxPolicy
from .questions import CodeQuestions
from .stdin import InputBox
from .usage import UsageReplies
from .views.stats import footer
from .wire import Error, Input, Late, LateEvent, Output, Stream, WorkerLost

_REMEMBERED_CELLS = 200
"""So many ended cells can still be told apart when output of theirs arrives late."""
_INTERRUPT_SECONDS = 3.0
"""After an interrupt the supervisor ends the cell within 1 s; when it does not, it is gone."""


class BunSandboxKernel(CodeQuestions, UsageReplies):
    """A Jupyter kernel whose cells run in a sandbox of their own."""

    implementation = "bun_sandbox"
    implementation_version = __version__
    banner = "Bun (Sandboxed): TypeScript in a hardened container"
    language_info = {  # noqa: RUF012  (the base class declares an instance attribute)
        "name": "typescript",
        "version": LANGUAGE_VERSION,
        "mimetype": "application/typescript",
        "file_extension": ".ts",
        "pygments_lexer": "typescript",
        "codemirror_mode": "typescript",
        "nbconvert_exporter": "script",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lease = Lease(None, SandboxPolicy, self._publish_late)
        self._cell: asyncio.Task[Any] | None = None
        self._interrupting: asyncio.Task[None] | None = None
        self._execution: Execution | None = None
        self._parents: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._settings = Settings()
        self._folder = NotebookFolder(Path.cwd())
        self._cost: Cost | None = None
        self._costs: deque[Cost] = deque(maxlen=REMEMBERED_CELLS)
        self._pace = Pace(served=SERVED in os.environ)
        self._monitor = Monitor(self._announce)

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

    def adopt(self, launch: Launch | None, allowed: Callable[[Mapping[str, str]], SandboxPolicy]) -> None:
        """Take over a sandbox that is on its way up already; ``allowed`` makes a policy of what users ask for later."""
        self._settings.allowed = allowed
        self._lease = Lease(launch, self._settings.policy, self._publish_late)

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
        self._monitor.close()
        await self._lease.close()
        self._history.close()

    def _interrupt(self) -> None:
        if self._cell is None or self._cell.done():
            return
        if self._execution is not None and (running := self._execution.running) is not None:
            if self._interrupting is None or self._interrupting.done():
                self._interrupting = self._lease.background(self._interrupt_cell(running, self._cell))
        else:
            self._cell.cancel()

    async def _interrupt_cell(self, running: Running, cell: asyncio.Task[Any]) -> None:
        with suppress(SandboxError, TimeoutError):
            async with asyncio.timeout(_INTERRUPT_SECONDS):
                running.outlet.stop()
                await running.session.interrupt()
            running.questions.give_up()  # only now, or the cell would go on with an answer that nobody gave
            await asyncio.wait({cell}, timeout=_INTERRUPT_SECONDS)
        if not cell.done():
            # The supervisor no longer does its work, so neither it nor what it holds is of use.
            why = "the sandbox did not answer, so it was ended; all variables are gone"
            cell.cancel(why)
            self._lease.lose(why)

    # -- requests --------------------------------------------------------------------------------------------------

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        allow_stdin: bool = False,
    ) -> dict[str, Any]:
        """Run one cell, as https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute asks."""
        cell = Cell(
            code=code,
            count=self.execution_count,
            silent=silent,
            stored=store_history and not silent,
            allow_stdin=allow_stdin,
            expressions=user_expressions or {},
            parent=self.get_parent("shell"),
            ident=self._parent_ident["shell"],
        )
        if not silent and not store_history:
            self.execution_count -= 1  # the base class counted it already
        if cell.stored and code.strip():
            self._history.record(cell.count, code)
        if not silent:
            self._remember(cell)
        self.running = cell.parent
        self._pace.restart()
        self._cell = running = asyncio.ensure_future(self._run(cell))
        try:
            return await running
        except asyncio.CancelledError as cancelled:
            return self._failed(outputs.interrupted(*cancelled.args), cell)
        finally:
            self._keep_cost(cell)
            self._cell = self._execution = self.running = None

    async def _run(self, cell: Cell) -> dict[str, Any]:
        try:
            self._execution = Execution(
                cell,
                self._lease,
                partial(self._show, cell),
                partial(self._ask_user, cell),
                settings=self._settings,
                folder=self._folder,
                pace=self._pace,
                costs=self._costs,
                monitor=self._monitor,
            )
            return await self._execution.do()
        except SandboxError as failure:
            if failure.state_lost:
                self._lease.lose(failure.message)
            return self._failed(outputs.failure(failure), cell)
        except Exception as error:
            self.log.exception("a cell could not be run")
            self._lease.lose("the kernel failed")
            ours = SandboxDied(f"The kernel failed ({type(error).__name__}: {error}).", "Please report this.")
            return self._failed(outputs.failure(ours), cell)

    def _keep_cost(self, cell: Cell) -> None:
        cost = None if self._execution is None else self._execution.cost
        self._cost = cost
        if cost is not None and not cell.silent:
            self._costs.append(cost)
            if self._settings.footer:
                self._show(cell, Message("display_data", {"data": footer(cost), "metadata": {}}))

    def finish_metadata(self, parent: Any, metadata: dict[str, Any], reply_content: Any) -> dict[str, Any]:  # noqa: ARG002
        """Say in ``execute_reply`` what the cell took; see ``Cost.metadata``."""
        if self._cost is not None:
            metadata[KEY] = self._cost.metadata()
        return metadata

    async def _ask_user(self, cell: Cell, question: Input) -> str | None:
        return await self._input_box.ask(question, cell.parent, cell.ident) if cell.allow_stdin else None

    @cached_property
    def _input_box(self) -> InputBox:
        return InputBox(self.stdin_socket, self.session)

    # -- publishing ------------------------------------------------------------------------------------------------

    def _failed(self, error: Error, cell: Cell) -> dict[str, Any]:
        self._show(cell, outputs.render(error, cell.count))
        return failed(error, cell)

    def _show(self, cell: Cell, message: Message) -> None:
        if not cell.silent:
            self._publish(message, cell.parent)

    async def _publish_late(self, event: LateEvent) -> None:
        """Show what arrives between cells below the cell that it belongs to; what no cell asked for is dropped."""
        output: Output
        match event:
            case Late(execution, output) if (parent := self._parents.get(execution)) is not None:
                pass
            case WorkerLost(message) if self.running is None:  # a cell that runs tells of it itself
                output = Stream("stderr", f"Between two cells, {message}.\n")
                parent = next(reversed(self._parents.values()), self.get_parent("shell"))
            case _:
                return
        await asyncio.sleep(self._pace.seconds(output))
        self._pace.spend(output)
        self._publish(outputs.render(output, self.execution_count), parent)

    def _announce(self, message: Message) -> None:
        """Publish what is nobody's request, so that Jupyter Server takes it for nobody's activity.

        A message without a parent would be activity too; one whose parent is of its own type is not
        (``untracked_message_types`` of jupyter_server.services.kernels.kernelmanager).
        """
        if self.session is not None:
            self._publish(message, {"header": self.session.msg_header(message.msg_type)})

    def _publish(self, message: Message, parent: Mapping[str, Any]) -> None:
        self._send(self.iopub_socket, message.msg_type, message.content, parent, message.msg_type.encode())

    def _send(self, stream: Any, msg_type: str, content: dict[str, Any], parent: Any, ident: Any) -> None:
        if self.session is not None:
            self.session.send(stream, msg_type, content, parent, ident=ident)

    def _remember(self, cell: Cell) -> None:
        self._parents[cell.execution] = cell.parent
        if len(self._parents) > _REMEMBERED_CELLS:
            self._parents.popitem(last=False)
