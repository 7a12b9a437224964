"""A real sandbox as its user sees it: cells go in, outputs and one end come out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bun_sandbox_kernel.answers import WriteMode, Written
from bun_sandbox_kernel.engines import Engine
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.session import Session
from bun_sandbox_kernel.transport import Content
from bun_sandbox_kernel.wire import Display, End, Error, Event, Late, LateEvent, Result, Stream, WorkerLost

T = TypeVar("T")
CELL_SECONDS = 30
"""Nothing that a cell does may keep its user waiting longer, in this suite."""
PRELUDE = """
import * as fs from "node:fs";
import { CFunction, dlopen, ptr, read } from "bun:ffi";
const libc = dlopen("libc.so.6", {
  syscall: { args: Array(7).fill("i64"), returns: "i64" },
  malloc: { args: ["u64"], returns: "ptr" },
  memset: { args: ["ptr", "i32", "u64"], returns: "ptr" },
  sleep: { args: ["u32"], returns: "u32" },
  __errno_location: { args: [], returns: "ptr" },
}).symbols;
const attempt = (action) => {
  try { return { value: action() ?? null } } catch (error) { return { code: error.code ?? String(error) } }
};
const address = (value) =>
  typeof value === "string" ? ptr(Buffer.from(value + "\\0")) : value.buffer ? ptr(value) : value;
const call = (number, ...values) => {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = values.map(address);
  const returned = Number(libc.syscall(number, a, b, c, d, e, f));
  return { returned, errno: returned === -1 ? read.i32(libc.__errno_location(), 0) : 0 };
};
const child = (code) => Bun.spawn([process.execPath, "-e", code], { stdio: ["ignore", "ignore", "ignore"] });
"""


@dataclass(frozen=True)
class Ran:
    """One cell that has ended, and all that came out of it."""

    events: list[Event]
    end: End

    @property
    def printed(self) -> str:
        """Return the text of both streams."""
        return "".join(event.text for event in self.events if isinstance(event, Stream))

    @property
    def size(self) -> int:
        """Return how large all outputs are together, by their text."""
        return _size(self.events)

    @property
    def displays(self) -> int:
        """Return how many values were shown while the cell ran."""
        return sum(isinstance(event, Display) for event in self.events)

    @property
    def error(self) -> str:
        """Return the message of what the cell threw, or nothing."""
        return "".join(event.evalue for event in self.events if isinstance(event, Error))


class Inside:
    """A session in a real sandbox, asked synchronously."""

    def __init__(self, engine: Engine, policy: SandboxPolicy) -> None:
        self.policy = policy
        self.late: list[LateEvent] = []
        self._runner = asyncio.Runner()
        self.sandbox = engine.start(policy, lambda _: None)
        self.session = Session(self.sandbox)
        self._knows_helpers = False
        self._line = self._runner.run(self._begin())

    async def _begin(self) -> asyncio.Task[None]:
        async def hold() -> None:
            async for event in self.session.late_events():
                self.late.append(event)
                if isinstance(event, WorkerLost):
                    self._knows_helpers = False

        return asyncio.ensure_future(hold())

    def run(self, code: str, *, timeout_ms: int = 0) -> Ran:
        """Run one cell, with the helpers of the prelude defined."""
        if not self._knows_helpers:
            ran = self.run_bare(PRELUDE)
            assert ran.end.outcome == "ok", (ran.error, ran.end)
            self._knows_helpers = True
        return self.run_bare(code, timeout_ms=timeout_ms)

    def run_bare(self, code: str, *, timeout_ms: int = 0) -> Ran:
        """Run one cell and nothing before it."""

        async def execute() -> list[Event]:
            async with asyncio.timeout(CELL_SECONDS):
                return [event async for event in self.session.execute(code, color=False, timeout_ms=timeout_ms)]

        events = self._runner.run(execute())
        end = events[-1]
        assert isinstance(end, End)
        if end.state == "lost":
            self._knows_helpers = False
        return Ran(events, end)

    def ask(self, expression: str) -> Any:
        """Return the value of an expression, by JSON."""
        ran = self.run(f"console.log(JSON.stringify(await ({expression})))")
        assert ran.end.outcome == "ok", (ran.error, ran.end)
        return json.loads(ran.printed)

    def clear(self, *folders: str) -> None:
        """Remove all that is in some folders."""
        self.ask(
            f"{list(folders)}.flatMap((folder) => fs.readdirSync(folder).map((name) => `${{folder}}/${{name}}`))"
            ".forEach((path) => fs.rmSync(path, { recursive: true, force: true })) ?? 0"
        )

    def code(self, action: str) -> str:
        """Return the error code that an action ends with, or "none"."""
        outcome = self.ask(f"attempt(() => {{ {action} }})")
        return str(outcome.get("code", "none"))

    def call(self, number: int, *arguments: str) -> tuple[int, int]:
        """Return what a system call returned, and errno."""
        outcome = self.ask(f"call({', '.join([str(number), *arguments])})")
        return int(outcome["returned"]), int(outcome["errno"])

    def do(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        """Ask the session for something other than a cell."""

        async def bounded() -> T:
            async with asyncio.timeout(CELL_SECONDS):
                return await work(self.session)

        return self._runner.run(bounded())

    def read(self, path: str) -> bytes:
        """Return a file of the working folder. Raises FileError."""

        async def whole(session: Session) -> bytes:
            return b"".join([piece async for piece in session.read_file(path, self.policy.code_bytes)])

        return self.do(whole)

    def write(self, path: str, content: bytes, mode: WriteMode = "create") -> Written:
        """Write a file of the working folder. Raises FileError."""
        pieces = (content[at : at + (1 << 18)] for at in range(0, len(content), 1 << 18))
        return self.do(lambda session: session.write_file(path, Content(len(content), pieces), mode))

    def wait(self, seconds: float) -> None:
        """Let time pass, and late events arrive."""
        self._runner.run(asyncio.sleep(seconds))

    def has_lost_its_worker(self, *, within: float) -> bool:
        """Say whether a worker has died between two cells, after some seconds more."""
        self.wait(within)
        return any(isinstance(event, WorkerLost) for event in self.late)

    @property
    def printed_late(self) -> str:
        """Return what cells have printed after their ends."""
        events = [late.event for late in self.late if isinstance(late, Late)]
        return "".join(event.text for event in events if isinstance(event, Stream))

    @property
    def size_late(self) -> int:
        """Return how large all outputs are that came after the ends of their cells."""
        return _size([late.event for late in self.late if isinstance(late, Late)])

    def lives(self) -> None:
        """Hold the sandbox to this: the next cell runs."""
        assert self.ask("6 * 7") == 42

    def close(self) -> None:
        """End the sandbox."""
        self._line.cancel()
        self._runner.run(self.session.close())
        self._runner.close()


def _size(events: Sequence[Event]) -> int:
    texts = [event.text for event in events if isinstance(event, Stream)]
    bundles = [str(value) for event in events if isinstance(event, Display | Result) for value in event.data.values()]
    traces = [line for event in events if isinstance(event, Error) for line in event.traceback]
    return sum(len(text) for text in texts + bundles + traces)
