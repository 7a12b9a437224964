"""The sandbox that a kernel holds: opened when first needed, listened to, let go, and opened anew after a loss.

Law: at any time there is at most one, and none is dropped without being ended. Whoever loses one does not wait for
the engine; whoever needs the next one does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from .engines import Progress
from .errors import SandboxDied
from .launch import Launch
from .policy import SandboxPolicy
from .selfcheck import Proven
from .session import Session
from .wire import LateEvent, WorkerLost

_REMEMBERED_LOSSES = 20
_ENDED = "the sandbox ended; all variables are gone"


class Loss(NamedTuple):
    """All variables were lost: when, in seconds since the epoch, and why."""

    time: float
    why: str


class Lease:
    """At most one session at a time. Belongs to one event loop, which has to run before anything is asked of it."""

    def __init__(
        self,
        launch: Launch | None,
        policy: Callable[[], SandboxPolicy],
        on_late: Callable[[LateEvent], Awaitable[None]],
    ) -> None:
        """Take over a sandbox that is on its way up, if there is one; ``on_late`` gets what belongs to no cell."""
        self.session: Session | None = None
        self.proven: Proven | None = None
        """What the sandbox is, or the one before it was."""
        self.losses: list[Loss] = []
        self.told = ""
        """What the user has been told of a sandbox that is not as it should be."""
        self._launch = launch
        self._policy = policy
        self._on_late = on_late
        self._opening: asyncio.Task[Session] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def progress(self) -> Progress | None:
        """Tell how far the start is, while it does long work."""
        return None if self._launch is None else self._launch.progress

    def open(self) -> asyncio.Task[Session]:
        """Return the session that is there or on its way. The task raises SandboxError; the next call tries anew."""
        if self._opening is None or (self._opening.done() and self.session is None):
            self._opening = self.background(self._connect())
        return self._opening

    def lose(self, why: str = "") -> None:
        """End the sandbox with all that it holds, in the background; ``why`` where nobody has asked for it."""
        if why and self.session is not None:
            self.mourn(why)
        session, self.session = self.session, None
        if session is not None:
            self._ending = self.background(session.close())

    def mourn(self, why: str) -> None:
        """Keep in mind that all variables were lost, and why."""
        self.losses.append(Loss(time.time(), why))
        del self.losses[:-_REMEMBERED_LOSSES]

    async def restart(self) -> Session:
        """Take another sandbox in place of the one that is there. Raises SandboxError."""
        self.lose()
        return await self.open()

    async def close(self) -> None:
        """End the sandbox, or the attempt to start one, and return once the engine has done so."""
        if self._opening is not None:
            self._opening.cancel()
        if self._launch is not None:
            self._launch.abandon()
        self.lose()
        await self._ended()

    async def _ended(self) -> None:
        if self._ending is not None:
            await asyncio.wait({self._ending})

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the cells; whoever cares for its exception awaits the task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # taken here, or asyncio would print what the next cell will show

    async def _connect(self) -> Session:
        await self._ended()
        self._launch = self._launch or Launch(self._policy())
        try:
            proven = await asyncio.wrap_future(self._launch.proven)
        except asyncio.CancelledError:
            self._launch.abandon()
            raise
        finally:
            self._launch = None
        self.proven = proven
        session = Session(proven.sandbox)
        greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        _ = self.background(self._listen(session, greeted))
        try:
            await greeted
        except BaseException:
            await session.close()
            raise
        return session

    async def _listen(self, session: Session, greeted: asyncio.Future[None]) -> None:
        """Hold the line to the sandbox and pass on what arrives on it."""
        try:
            async for event in session.late_events():
                if not greeted.done():
                    self.session = session  # here, so that a line that breaks at once is told of too
                    greeted.set_result(None)
                if isinstance(event, WorkerLost):
                    self.mourn(event.message)
                await self._on_late(event)
        except Exception as error:
            if not greeted.done():
                greeted.set_exception(error)
        if not greeted.done():
            greeted.set_exception(SandboxDied("The sandbox ended before it greeted."))
        if self.session is session:
            self.lose(_ENDED)
            await self._on_late(WorkerLost(_ENDED))
