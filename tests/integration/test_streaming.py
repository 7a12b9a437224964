"""What cells print, seen from a front end: in order, under the right cell, and never too much."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection as Server

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.integration.kernels import ANSI, SECONDS, Notebook, errors, kernel, text

_FLAT_BYTES = 40 << 20
"""Less than four cells' worth of output, and more than the interpreter's own comings and goings."""


def late(notebook: Notebook, request: str) -> dict[str, Any]:
    """Return the next message of a request that has ended."""
    while True:
        message = notebook.client.get_iopub_msg(timeout=SECONDS)
        if message["parent_header"].get("msg_id") == request and message["msg_type"] != "status":
            return dict(message)


def test_stdout_and_stderr_come_in_the_order_in_which_they_were_written(notebook: Notebook) -> None:
    _, published = notebook.run("for (let i = 0; i < 9; i++) { console.log('out', i); console.error('err', i) }")
    written = "".join(message.content["text"] for message in published)
    assert written == "".join(f"out {i}\nerr {i}\n" for i in range(9))


def test_prints_and_displays_come_in_the_order_in_which_they_were_written(notebook: Notebook) -> None:
    _, published = notebook.run("console.log('a'); display(1); console.log('b'); display(2); 3")
    assert [message.kind for message in published] == [
        "stream",
        "display_data",
        "stream",
        "display_data",
        "execute_result",
    ]


def test_a_character_in_pieces_stays_whole(notebook: Notebook) -> None:
    code = "for (const b of Buffer.from('süß 🥟')) { process.stdout.write(new Uint8Array([b])); await Bun.sleep(2) }"
    _, published = notebook.run(code)
    assert text(published) == "süß 🥟"


def test_garbage_of_a_child_process_breaks_nothing(notebook: Notebook) -> None:
    code = "process.stdout.write(Buffer.from(Array.from({length: 512}, (_, i) => i & 255)))"
    reply, published = notebook.run(
        f"await Bun.spawn([process.execPath, '-e', {code!r}], {{stdout: 'inherit'}}).exited"
    )
    assert reply["status"] == "ok"
    assert "ABC" in text(published)
    assert notebook.value("1 + 1") == "2"


@pytest.mark.parametrize(
    "code",
    [
        "setTimeout(() => console.log('belated'), 150);",
        "Bun.sleep(150).then(() => console.log('belated'));",
        "setTimeout(() => display('belated'), 150);",
        "setTimeout(() => { throw new Error('belated') }, 150);",
        "(async () => { await Bun.sleep(150); throw new Error('belated') })();",
    ],
)
def test_late_output_carries_the_cell_that_started_it_though_others_have_run(notebook: Notebook, code: str) -> None:
    started = notebook.send(code)
    list(notebook.messages(started))
    notebook.reply(started)
    reply, published = notebook.run("'another'")
    assert (reply["status"], [message.kind for message in published]) == ("ok", ["execute_result"])
    assert "belated" in str(late(notebook, started)["content"])


def test_a_late_error_points_at_its_line(notebook: Notebook) -> None:
    reply, _ = notebook.run("0\nsetTimeout(() => {\n  throw new RangeError('stray') }, 10);")
    started = f"Cell [{reply['execution_count']}], line 3"
    while "Uncaught RangeError: stray" not in (shown := next_text(notebook)):
        pass
    assert started in shown
    assert notebook.value("'alive'") == '"alive"'


def next_text(notebook: Notebook) -> str:
    return ANSI.sub("", str(notebook.client.get_iopub_msg(timeout=SECONDS)["content"].get("text")))


def test_a_flood_is_cut_with_one_line_that_says_so_and_memory_stays_flat(notebook: Notebook) -> None:
    notebook.run("1")
    before = resident_bytes(notebook.pid)
    request = notebook.print_first("for (;;) console.log('x'.repeat(99))")
    shown, left_out = 0, 0
    most = before
    interrupted = False
    for message in notebook.messages(request):
        shown += len(message.content.get("text", ""))
        left_out += message.content.get("text", "").count("left out")
        most = max(most, resident_bytes(notebook.pid))
        if shown > 9 << 20 and not interrupted:
            interrupted = True
            notebook.interrupt()
    assert notebook.reply(request)["ename"] == "KeyboardInterrupt"
    assert left_out <= 1
    assert shown < 11 << 20
    assert most - before < _FLAT_BYTES
    assert notebook.value("'alive'") == '"alive"'


def test_what_is_left_out_is_counted(notebook: Notebook) -> None:
    reply, published = notebook.run("for (let i = 0; i < 120; i++) process.stdout.write('x'.repeat(100_000))")
    assert reply["status"] == "ok"
    (sentence,) = re.findall(r"… (\d+) bytes of output left out", text(published, "stderr"))
    assert len(text(published)) + int(sentence) == 120 * 100_000


def test_a_notebook_server_gets_no_more_text_than_it_passes_on(engine: DockerEngine, tmp_path: Path) -> None:
    with kernel(tmp_path, JPY_SESSION_NAME="Untitled.ipynb") as served:
        request = served.send("for (let i = 0; i < 40_000; i++) console.log('x'.repeat(99))")
        sizes: list[tuple[float, int]] = []
        for message in served.messages(request):
            assert message.kind == "stream"
            sizes.append((time.monotonic(), len(message.content["text"])))
    assert sum(size for _, size in sizes) == 40_000 * 100
    window = Server.rate_limit_window.default_value
    most = Server.iopub_data_rate_limit.default_value * window
    for start, _ in sizes:
        assert sum(size for at, size in sizes if start <= at < start + window) < most


def test_a_logged_error_reads_like_a_thrown_one(notebook: Notebook) -> None:
    _, published = notebook.run("console.error(new TypeError('logged'))")
    assert not errors(published)
    assert re.search(
        r"TypeError: logged\n\s+at Cell \[\d+\], line 1\n.*\n\s+\^", ANSI.sub("", text(published, "stderr"))
    )


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
