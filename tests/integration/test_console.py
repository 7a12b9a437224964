"""Laws of `jupyter console`, driven as a person drives it: through a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pexpect
import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.conftest import eventually, sandboxes_of
from tests.integration.kernels import install_spec

SECONDS = 30
CONTROL = re.compile(r"\x1b\][^\x07]*\x07|\x1b[\[(][?0-9;]*[a-zA-Z]|\x1b[=>]|[\r\x07\x08]")
"""What moves the cursor, colours, or is heard."""
TAB, ENTER, CTRL_C, CTRL_D = "\t", "\r", "\x03", "\x04"


class Console:
    """A terminal with the console in it."""

    def __init__(self, terminal: pexpect.spawn[str]) -> None:
        self.terminal = terminal
        self.pid = int(terminal.pid or 0)
        self.unread = ""
        self.number = 0
        self.await_prompt()
        self._await_hearing()

    def _await_hearing(self) -> None:
        """Wait until outputs arrive: what a kernel publishes before a subscription has reached it, nobody gets."""
        for _ in range(SECONDS):
            self.type("0" + ENTER)
            with suppress(AssertionError):
                self.see(r"Out\[\d+\]: 0\n", seconds=1)
                self.await_prompt()
                return
            self.type(CTRL_C)
            self.await_prompt()
        raise AssertionError("nothing is heard of the kernel")

    def see(self, pattern: str, seconds: float = SECONDS) -> str:
        """Wait until the terminal shows this, and return what it has shown up to the end of it."""
        deadline = time.monotonic() + seconds
        while (found := re.search(pattern, CONTROL.sub("", self.unread))) is None:
            assert time.monotonic() < deadline, f"{pattern!r} is not in {CONTROL.sub('', self.unread)!r}"
            try:
                self.unread += self.terminal.read_nonblocking(65536, timeout=0.1)
            except pexpect.TIMEOUT:
                continue
        text = CONTROL.sub("", self.unread)
        self.unread = text[found.end() :]
        return text[: found.end()]

    def await_prompt(self) -> str:
        """Wait for the next prompt, and return what is shown before it."""
        shown = self.see(rf"In \[{self.number + 1}\]: ")
        self.number += 1
        return shown

    def type(self, keys: str) -> None:
        self.terminal.send(keys)

    def run(self, code: str) -> str:
        """Run a cell to its end, and return what the terminal shows of it."""
        self.type(code + ENTER)
        return self.await_prompt()

    def start(self, code: str) -> None:
        """Run a cell that prints `started` and goes on."""
        self.type(code + ENTER)
        self.see(r"(?m)^started$")

    def kernels(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii")
        return [int(pid) for pid in children.split()]

    def sandboxes(self, kernels: list[int]) -> list[str]:
        return [sandbox for pid in kernels for sandbox in sandboxes_of(pid)]


@contextmanager
def open_console(folder: Path) -> Iterator[Console]:
    if not (folder / "kernels").exists():
        install_spec(folder / "kernels")
    environment = {
        **os.environ,
        "JUPYTER_PATH": str(folder),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "TERM": "xterm",
        "PROMPT_TOOLKIT_NO_CPR": "1",  # nobody here tells where the cursor is
    }
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "jupyter_console", "--kernel", "bun_sandbox"],
        env=environment,
        encoding="utf-8",
        dimensions=(50, 120),
    )
    try:
        console = Console(terminal)
        assert eventually(lambda: hears_outputs(folder / "runtime"))
        yield console
    finally:
        terminal.close(force=True)


def hears_outputs(runtime: Path) -> bool:
    """Tell whether the console is connected to IOPub; it waits forever for a cell whose end it has not heard."""
    ports = [json.loads(file.read_text("utf-8"))["iopub_port"] for file in runtime.glob("kernel-*.json")]
    connections = [line.split()[2:4] for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return any([f"0100007F:{port:04X}", "01"] in connections for port in ports)


@pytest.fixture(scope="module")
def console(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with open_console(tmp_path_factory.mktemp("jupyter")) as console:
        yield console


def test_a_value_is_shown(console: Console) -> None:
    assert f"Out[{console.number}]: 42\n" in console.run("40 + 2")


def test_a_value_of_many_lines_begins_below_its_number(console: Console) -> None:
    shown = console.run("[{ bun: 'bao' }, { bun: 'anpan' }]")
    assert re.search(r"Out\[\d+\]: \n\[\n  \{\n    bun: \"bao\"", shown)


def test_state_persists(console: Console) -> None:
    console.run("const dough: number = 500")
    assert "Out" not in console.run("let oven = dough - 300;")
    assert ": 220\n" in console.run("oven + 20")


def test_what_is_printed_is_shown_in_order(console: Console) -> None:
    shown = console.run("console.log('one'); console.error('two'); display(html`<b>three</b>`); console.log('four')")
    assert "\none\ntwo\n<b>three</b>\nfour\n" in shown


def test_an_error_shows_its_traceback(console: Console) -> None:
    number = console.number
    shown = console.run("throw new RangeError('too hot')")
    assert re.search(
        rf"RangeError: too hot\n    at Cell \[{number}\], line 1\n.*throw new RangeError\('too hot'\)\n *\^", shown
    )
    assert ": 2\n" in console.run("1 + 1")


def test_a_function_of_many_lines_waits_for_its_end(console: Console) -> None:
    number = console.number
    for line in ("function twice(n: number): number {", "return n * 2"):
        console.type(line + ENTER)
        console.see(r"\.\.\.: ")
    assert console.number == number
    console.run("}")
    assert ": 42\n" in console.run("twice(21)")


def test_tab_completes_a_name_of_an_earlier_cell(console: Console) -> None:
    console.run("const zebraCrossing = 41")
    console.type("zebraCr" + TAB)
    console.see("zebraCrossing")
    assert ": 42\n" in console.run(" + 1")


def test_tab_shows_what_may_follow(console: Console) -> None:
    console.type("Math.hy" + TAB)
    console.see("Math.hypot")
    assert ": 5\n" in console.run("(3, 4)")
    console.type("Number.isS" + TAB)
    console.see("isSafeInteger")
    console.type(CTRL_C)
    assert ": 7\n" in console.run("3 + 4")


@pytest.mark.parametrize(
    "forever",
    [
        "while (true) {}",
        "await Bun.sleep(1e9)",
        "await new Promise(() => setInterval(() => { for (;;); }, 1))",
    ],
)
def test_ctrl_c_interrupts_and_the_variables_are_still_there(console: Console, forever: str) -> None:
    console.run("var kept = 41")
    console.start(f"kept = 42; console.log('started'); {forever}")
    console.type(CTRL_C)
    assert "KeyboardInterrupt" in console.await_prompt()
    assert ": 42\n" in console.run("kept")


@pytest.mark.parametrize(
    ("question", "typed", "value"),
    [
        ("prompt('Name?')", "Ada 🥟", '"Ada 🥟"'),
        ("confirm('Name?')", "y", "true"),
        ("await input('Name?')", "Ada", '"Ada"'),
        ("prompt('Name?')", CTRL_D, "null"),
    ],
)
def test_a_question_takes_an_answer(console: Console, question: str, typed: str, value: str) -> None:
    console.type(question + ENTER)
    console.see(r"(?m)^Name\?")
    console.type(typed if typed == CTRL_D else typed + ENTER)
    assert f": {value}\n" in console.await_prompt()


def test_a_secret_is_not_shown(console: Console) -> None:
    console.type("(await input('Secret?', { password: true })).length" + ENTER)
    console.see(r"(?m)^Secret\?")
    console.type("hunter2" + ENTER)
    shown = console.await_prompt()
    assert ": 7\n" in shown
    assert "hunter2" not in shown


def test_ctrl_c_leaves_a_question(console: Console) -> None:
    console.type("prompt('Name?')" + ENTER)
    console.see(r"(?m)^Name\?")
    console.type(CTRL_C)
    assert "KeyboardInterrupt" in console.await_prompt()
    assert ": 2\n" in console.run("1 + 1")


@pytest.mark.parametrize("code", ["?knead", "knead?"])
def test_a_question_mark_tells_what_is_known(console: Console, code: str) -> None:
    console.run("/** Works the dough. */ function knead(grams: number): number { return grams * 1.02 }")
    shown = console.run(code)
    assert "knead(grams: number): number" in shown
    assert "Works the dough." in shown


def test_two_question_marks_show_the_source(console: Console) -> None:
    console.run("function knead(grams: number): number { return grams * 1.02 }")
    assert "return grams * 1.02" in console.run("knead??").split("??", 1)[1]


def test_earlier_values_have_names(console: Console) -> None:
    number = console.number
    console.run("40 + 2")
    assert ": 42\n" in console.run("_")
    assert ": 84\n" in console.run(f"_{number} + Out[{number}]")


def test_what_was_typed_is_found_again_in_the_next_console(engine: DockerEngine, tmp_path: Path) -> None:
    with open_console(tmp_path) as first:
        first.run("'to be found again'.length")
        leave(first)
    with open_console(tmp_path) as second:
        second.type("\x12to be found")  # Ctrl-R, the search backwards
        second.see("to be found again")
        second.type(ENTER)
        assert ": 17\n" in second.run("")


def test_leaving_the_console_leaves_no_container_behind(engine: DockerEngine, tmp_path: Path) -> None:
    with open_console(tmp_path) as console:
        console.run("1")
        kernels = console.kernels()
        assert len(console.sandboxes(kernels)) == 1
        leave(console)
        assert eventually(lambda: not console.sandboxes(kernels))


def test_closing_the_terminal_leaves_no_container_behind(engine: DockerEngine, tmp_path: Path) -> None:
    with open_console(tmp_path) as console:
        console.run("1")
        kernels = console.kernels()
        assert len(console.sandboxes(kernels)) == 1
    assert eventually(lambda: not console.sandboxes(kernels))


def leave(console: Console) -> None:
    console.type(CTRL_D)
    console.see("really want to exit")
    console.type("y" + ENTER)
    assert console.terminal.expect(pexpect.EOF, timeout=SECONDS) == 0
