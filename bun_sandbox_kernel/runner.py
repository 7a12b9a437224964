"""One program in a fresh sandbox, from a terminal: what it prints is printed, and its end is an exit status."""

from __future__ import annotations

import asyncio
import signal
import sys

from . import selfcheck
from .engines import Engine, Report
from .errors import SandboxDied
from .policy import SandboxPolicy
from .session import Session
from .wire import Display, End, Error, Stream

EXIT_STATUS = {"ok": 0, "error": 1, "crashed": 1, "timeout": 124, "interrupted": 130, "memory": 137}
"""Outcome → exit status, by the conventions of timeout(1) and of shells for signals."""


async def run(engine: Engine, policy: SandboxPolicy, code: str, report: Report, *, color: bool) -> int:
    """Run the program, pass on what it prints, and return its exit status. Raises SandboxError."""
    proven = await asyncio.to_thread(selfcheck.start, engine, policy, report)
    session = Session(proven.sandbox)
    line = asyncio.create_task(_hold(session))
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    stopper = asyncio.create_task(_interrupt(session, interrupted))
    try:
        async for event in session.execute(code, stateless=True, color=color):
            if isinstance(event, End):
                return _finish(event)
            _print(event)
    finally:
        for task in (line, stopper):
            task.cancel()
        await session.close()
    raise SandboxDied("The sandbox ended in the middle of the program.")


def _print(event: object) -> None:
    match event:
        case Stream("stdout", text):
            print(text, end="", flush=True)
        case Stream(_, text):
            print(text, end="", file=sys.stderr, flush=True)
        case Display(data):
            print(data.get("text/plain", next(iter(data.values()), "")), flush=True)
        case Error(_, _, traceback):
            print("\n".join(traceback), file=sys.stderr, flush=True)


def _finish(end: End) -> int:
    if end.outcome == "crashed" and end.exit_code is not None:
        return end.exit_code
    if end.message:
        print(f"bun-sandbox: {end.message}", file=sys.stderr)
    return EXIT_STATUS[end.outcome]


async def _hold(session: Session) -> None:
    async for _ in session.late_events():
        pass


async def _interrupt(session: Session, wanted: asyncio.Event) -> None:
    while await wanted.wait():
        wanted.clear()
        await session.interrupt()
