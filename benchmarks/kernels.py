"""Drive one kernel as a front end does: launch it, run cells over its sockets, shut it down with all it owns.

Raw ZMQ sockets instead of a `KernelClient`: its threads and polling would be a constant added to both sides of a ratio.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import STDOUT
from time import perf_counter, time
from typing import IO, Any

import zmq
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager

from benchmarks.processes import container_ids

DEADLINE_S = 120.0
"""How long a kernel may take over any one thing before it counts as not working."""

RECONNECT_MS = 5
"""ZMQ's default, 100 ms, is the time between attempts to connect: launch times would come in steps of it."""

LEAK_S = 30.0
"""How long a sandbox may outlive its kernel."""


class KernelFailed(Exception):
    """A kernel did not start, answer or end; the message says which, and carries the kernel's last words."""


@contextmanager
def launched(name: str, env: Mapping[str, str] | None = None) -> Iterator[Kernel]:
    """Start a kernel without waiting for it; on leaving, end it and wait until its sandbox is gone too.

    Args:
        name: the kernelspec's name.
        env: environment variables to add to our own.

    Raises:
        KernelFailed: it cannot be started, or left its sandbox behind.
    """
    with tempfile.TemporaryFile() as log, zmq.Context() as context:
        context.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        manager = KernelManager(kernel_name=name, context=context)
        started = perf_counter()
        try:
            manager.start_kernel(env={**os.environ, **(env or {})}, stdout=log, stderr=STDOUT)
        except (NoSuchKernel, OSError) as error:
            raise KernelFailed(f"{name} cannot be started; see `jupyter kernelspec list`: {error}") from error
        kernel = Kernel(manager, log, started)
        pid = kernel.pid
        try:
            yield kernel
        finally:
            manager.shutdown_kernel()
            context.destroy(linger=0)
            _wait_until_gone(name, pid)


@dataclass(frozen=True)
class Execution:
    """What one cell brought back.

    Attributes:
        seconds: from the request being sent to both its reply and its status idle being received.
        idle_seconds: from the request being sent to its status idle being received.
        result: the plain text of the cell's value, if it had one.
        stdout: what it printed, as received before idle; later text is lost to a front end, so it is not here.
        stream_messages: the number of messages `stdout` came in.
    """

    seconds: float
    idle_seconds: float
    result: str | None
    stdout: str
    stream_messages: int


class Kernel:
    """A running kernel and our ends of its sockets; made by `launched`.

    Attributes:
        name: its kernelspec's name.
        language: what it speaks, in lower case, as its kernelspec says.
        started: the `perf_counter` of the moment before its process was started.

    Raises:
        KernelFailed: from every method, when the kernel died, answered with an error or did not answer in time.
    """

    def __init__(self, manager: KernelManager, log: IO[bytes], started: float) -> None:
        """Connect to the kernel that `manager` has started and that writes its log to `log`."""
        self.name = manager.kernel_name
        self.language = str(getattr(manager.kernel_spec, "language", "")).lower()
        self.started = started
        self._manager = manager
        self._log = log
        self._shell = manager.connect_shell()
        self._iopub = manager.connect_iopub()
        self._poller = zmq.Poller()
        self._poller.register(self._shell, zmq.POLLIN)
        self._poller.register(self._iopub, zmq.POLLIN)

    @property
    def pid(self) -> int:
        """The kernel process."""
        pid = getattr(self._manager.provisioner, "pid", None)
        if not isinstance(pid, int):
            raise KernelFailed(f"{self.name} is not a process of this machine")
        return pid

    def send(self, code: str) -> str:
        """Ask for `code` to be run and return the request's id. ZMQ keeps it until the kernel listens."""
        return self._send("execute_request", {"code": code, "store_history": True, "allow_stdin": False})

    def reply_to(self, request: str) -> None:
        """Wait for the reply to `request`, which needs no iopub: the first sign of a kernel that works."""
        for channel, message in self._answers(request, DEADLINE_S):
            if channel == "shell":
                self._require_ok(message["content"])
                return
        raise self._failure(f"did not answer its first cell in {DEADLINE_S:.0f} s")

    def subscribe(self) -> None:
        """Wait until iopub is through: what a kernel publishes before our subscription reaches it is lost unseen."""
        deadline = perf_counter() + DEADLINE_S
        while perf_counter() < deadline:
            for channel, _ in self._answers(self._send("kernel_info_request", {}), 1.0):
                if channel == "iopub":
                    return
        raise self._failure(f"published nothing on iopub in {DEADLINE_S:.0f} s")

    def execute(self, code: str) -> Execution:
        """Run a cell and collect its output until both reply and idle are here. Needs `subscribe` once before."""
        stdout: list[str] = []
        result: str | None = None
        idle_seconds: float | None = None
        replied = False
        sent = perf_counter()
        for channel, message in self._answers(self.send(code), DEADLINE_S):
            content = message["content"]
            match channel, message["msg_type"]:
                case "shell", "execute_reply":
                    self._require_ok(content)
                    replied = True
                case "iopub", "status" if content["execution_state"] == "idle":
                    idle_seconds = perf_counter() - sent
                case "iopub", "stream" if idle_seconds is None and content["name"] == "stdout":
                    stdout.append(content["text"])
                case "iopub", "execute_result":
                    result = content["data"]["text/plain"]
            if replied and idle_seconds is not None:
                return Execution(perf_counter() - sent, idle_seconds, result, "".join(stdout), len(stdout))
        raise self._failure(f"did not finish a cell in {DEADLINE_S:.0f} s: {code}")

    def interrupt(self, code: str) -> float:
        """Run a cell, interrupt it once it prints, and return the seconds from then to its status idle."""
        interrupted: float | None = None
        for channel, message in self._answers(self.send(code), DEADLINE_S):
            content = message["content"]
            match channel, message["msg_type"]:
                case "iopub", "stream" if interrupted is None:
                    interrupted = perf_counter()
                    self._manager.interrupt_kernel()
                case "iopub", "status" if content["execution_state"] == "idle" and interrupted is not None:
                    return perf_counter() - interrupted
        raise self._failure(f"did not leave a cell in {DEADLINE_S:.0f} s: {code}")

    def restart(self, code: str, following: str) -> tuple[float, str | None]:
        """Run a cell that ends its process, then another; return the seconds between their ends, and its result."""
        for channel, message in self._answers(self.send(code), DEADLINE_S):
            match channel, message["msg_type"]:
                case "iopub", "status" if message["content"]["execution_state"] == "idle":
                    ended = perf_counter()
                    result = self.execute(following).result
                    return perf_counter() - ended, result
        raise self._failure(f"did not end a cell in {DEADLINE_S:.0f} s: {code}")

    def delays(self, code: str) -> list[float]:
        """Run a cell that prints the time in seconds, a line each, and return how long each line was on its way."""
        request, delays = self.send(code), []
        for channel, message in self._answers(request, DEADLINE_S):
            content = message["content"]
            match channel, message["msg_type"]:
                case "iopub", "stream":
                    delays += [time() - float(line) for line in content["text"].split()]
                case "iopub", "status" if content["execution_state"] == "idle":
                    return delays
        raise self._failure(f"did not finish a cell in {DEADLINE_S:.0f} s: {code}")

    def _send(self, message_type: str, content: dict[str, Any]) -> str:
        message = self._manager.session.send(self._shell, message_type, content)
        assert message is not None
        return str(message["header"]["msg_id"])

    def _answers(self, request: str, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (channel, message) for what answers `request`, as it comes, for so many seconds at most."""
        deadline = perf_counter() + seconds
        while (left := deadline - perf_counter()) > 0:
            ready = self._poller.poll(1 + int(1000 * min(left, 1.0)))
            if not ready and not self._manager.is_alive():
                raise self._failure("died")
            for socket, _ in ready:
                _, message = self._manager.session.recv(socket)
                if message is not None and message["parent_header"].get("msg_id") == request:
                    yield "shell" if socket is self._shell else "iopub", message

    def _require_ok(self, reply: Mapping[str, Any]) -> None:
        if reply["status"] != "ok":
            raise self._failure(f"answered {reply['status']}: {reply.get('ename')}: {reply.get('evalue')}")

    def _failure(self, what: str) -> KernelFailed:
        self._log.seek(0)
        last_words = self._log.read().decode(errors="replace").splitlines()[-20:]
        return KernelFailed("\n".join([f"{self.name} {what}", *last_words]))


def _wait_until_gone(name: str, pid: int) -> None:
    """Wait until no sandbox of the ended kernel is left, so that the next kernel has the machine to itself."""
    deadline = perf_counter() + LEAK_S
    while leaked := container_ids(pid):
        if perf_counter() > deadline:
            raise KernelFailed(f"{name} left its sandbox running: docker rm --force {' '.join(leaked)}")
