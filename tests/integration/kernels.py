"""Real kernels for tests: started by jupyter_client as a notebook server does it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

KERNELSPEC = Path(__file__).parents[2] / "kernelspec"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
SECONDS = 90
"""Longest wait for one message; an image may have to be built first."""


class Message(NamedTuple):
    """One message of IOPub."""

    kind: str
    content: dict[str, Any]


def install_spec(kernels: Path) -> None:
    """Copy the kernelspec into a folder of kernels, and let it start this Python."""
    target = kernels / "bun_sandbox"
    shutil.copytree(KERNELSPEC, target)
    spec = json.loads((target / "kernel.json").read_text("utf-8"))
    spec["argv"][0] = sys.executable
    (target / "kernel.json").write_text(json.dumps(spec), "utf-8")


class Notebook:
    """A kernel, and what a front end does with it."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    @property
    def pid(self) -> int:
        """Return the number of the kernel's process."""
        provisioner: Any = self.manager.provisioner
        return int(provisioner.pid)

    def send(self, code: str, **options: Any) -> str:
        """Ask for a cell, and return the id of the request."""
        return str(self.client.execute(code, **options))

    def messages(self, request: str) -> Iterator[Message]:
        """Yield what is published for a request as it arrives, without its own echo, until the kernel is idle."""
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != request:
                continue
            if kind == "status":
                if content["execution_state"] == "idle":
                    return
            elif kind != "execute_input":
                yield Message(kind, content)

    def reply(self, request: str) -> dict[str, Any]:
        """Return the answer to a request."""
        deadline = time.monotonic() + SECONDS
        while True:
            message = self.client.get_shell_msg(timeout=deadline - time.monotonic())
            if message["parent_header"].get("msg_id") == request:
                return dict(message["content"])

    def run(
        self, code: str, *, during: Callable[[Message], None] = lambda _: None, **options: Any
    ) -> tuple[dict[str, Any], list[Message]]:
        """Run one cell; ``during`` sees each message as it arrives."""
        request = self.send(code, **options)
        published = []
        for message in self.messages(request):
            published.append(message)
            during(message)
        return self.reply(request), published

    def prompt(self, value: str | None = None) -> dict[str, Any]:
        """Wait until an input box is shown, type into it unless there is nothing to type, and return its content."""
        message = self.client.get_stdin_msg(timeout=20)
        assert message["msg_type"] == "input_request"
        if value is not None:
            self.client.input(value)
        return dict(message["content"])

    def run_typing(self, code: str, *values: str) -> tuple[list[str], dict[str, Any], list[Message]]:
        """Run a cell whose input boxes get these values; return the prompts too."""
        request = self.send(code, allow_stdin=True, stop_on_error=False)
        prompts = [self.prompt(value)["prompt"] for value in values]
        published = list(self.messages(request))
        return prompts, self.reply(request), published

    def value(self, code: str) -> str:
        """Return the text of a cell's result, without colors."""
        reply, published = self.run(code)
        assert reply["status"] == "ok", reply
        shown = next(m.content["data"]["text/plain"] for m in published if m.kind == "execute_result")
        return ANSI.sub("", shown)

    def interrupt(self) -> None:
        """Interrupt, and wait until the kernel has; what is sent afterwards comes after it."""
        channel = self.client.control_channel
        channel.send(self.client.session.msg("interrupt_request", {}))
        assert channel.get_msg(timeout=SECONDS)["msg_type"] == "interrupt_reply"

    def print_first(self, code: str) -> str:
        """Ask for a cell and return its id once it has printed something; its end aborts no cell that is sent then."""
        request = self.send(code, stop_on_error=False)
        next(self.messages(request))
        return request


@contextmanager
def kernel(folder: Path, *arguments: str, **environment: str) -> Iterator[Notebook]:
    """Run a kernel with additional arguments and environment variables; it is shut down at the end.

    Its history is in the folder, and not among the user's own.
    """
    if not (folder / "bun_sandbox").exists():
        install_spec(folder)
    manager = KernelManager(kernel_name="bun_sandbox", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder)]))
    environment = {**os.environ, "JUPYTER_DATA_DIR": str(folder / "data"), **environment}
    manager.start_kernel(env=environment, extra_arguments=[*arguments])
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Notebook(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=not manager.is_alive())
        manager.cleanup_resources()


def text(published: list[Message], name: str = "stdout") -> str:
    """Return what was written to a stream."""
    return "".join(m.content["text"] for m in published if m.kind == "stream" and m.content["name"] == name)


def errors(published: list[Message]) -> list[Mapping[str, Any]]:
    """Return the errors that were shown."""
    return [m.content for m in published if m.kind == "error"]


def printed(published: list[Message]) -> str:
    """Return what was printed on both streams, without colors."""
    return ANSI.sub("", "".join(m.content["text"] for m in published if m.kind == "stream"))


def shown(published: list[Message]) -> dict[str, Any]:
    """Return the bundle of the one display that was shown."""
    (data,) = (dict(m.content["data"]) for m in published if m.kind == "display_data")
    return data


def refused(notebook: Notebook, code: str, **options: Any) -> str:
    """Run a cell that ends with an error, and return its sentence."""
    reply, published = notebook.run(code, stop_on_error=False, **options)
    assert reply["status"] == "error"
    assert [m.kind for m in published][-1] == "error"
    return str(reply["evalue"])
