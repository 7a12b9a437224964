"""A sandbox on its way up, while something else goes on: imports, sockets, the first request.

The engine's library blocks, so it works in a thread of its own; what it reports is read from here at any time.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress

from . import engines, selfcheck
from .engines import Progress
from .errors import SandboxError
from .policy import SandboxPolicy
from .selfcheck import Proven


class Launch:
    """One attempt to start a sandbox; ``proven`` resolves to it, or to the SandboxError that stopped it."""

    def __init__(self, policy: SandboxPolicy, packages_of: str = "") -> None:
        """Begin; ``packages_of`` as for ``Engine.start``."""
        self.policy = policy
        self.proven: Future[Proven] = Future()
        # From here on whoever waits may be cancelled, and the sandbox still arrives for `abandon` to stop it.
        self.proven.set_running_or_notify_cancel()
        self.progress: Progress | None = None
        """The last thing that the engine reported, while long work goes on."""
        # Here and not in the thread, where it would take turns with the imports of whoever goes on.
        engine = engines.load()
        threading.Thread(target=self._run, args=(engine, policy, packages_of), name="launch", daemon=True).start()

    def _run(self, engine: engines.Engine, policy: SandboxPolicy, packages_of: str) -> None:
        try:
            proven = selfcheck.start(engine, policy, self._report, packages_of)
        except BaseException as error:
            self.proven.set_exception(error)
            return
        self.proven.set_result(proven)
        with suppress(SandboxError):
            engine.reap()

    def _report(self, progress: Progress) -> None:
        self.progress = progress

    def abandon(self) -> None:
        """End the sandbox as soon as it is there, since nobody will use it."""
        self.proven.add_done_callback(_stop)


def _stop(future: Future[Proven]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().sandbox.stop()
