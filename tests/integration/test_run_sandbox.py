"""Laws of docker/scripts/run-sandbox.sh."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import eventually
from tests.integration.operator import DOCKER, NAME, Done, compose, inspect, lawful, sh

SCRIPT = DOCKER / "scripts" / "run-sandbox.sh"
EVERY_CHARACTER = "".join(map(chr, range(1, 0x250))) + "\u2028\u2029😀\"\\\n\r\t$`'%s"

pytestmark = pytest.mark.usefixtures("ports")


def run(*arguments: str, given: str | None = None, folder: Path | None = None, secret: str | None = None) -> Done:
    """Run the script, from a folder that is not its own."""
    environment = {**os.environ, **({} if secret is None else {"BUN_SANDBOX_SECRET": secret})}
    return subprocess.run(
        [SCRIPT, *arguments], input=given, cwd=folder or Path("/"), env=environment, capture_output=True, text=True,
        check=False, timeout=120, encoding="utf-8",
    )  # fmt: skip


def status(*arguments: str, given: str | None = None) -> int:
    return run(*arguments, given=given).returncode


def test_code_of_the_command_line_of_a_file_and_of_standard_input_runs(tmp_path: Path) -> None:
    first = run("console.log('Hello, World!')")
    assert (first.returncode, first.stdout) == (0, "Hello, World!\n")
    assert "Started the container bun-sandbox" in first.stderr
    (tmp_path / "script.ts").write_text("const n: number = 4;\nconsole.log(n)", "utf-8")
    assert run("-f", "script.ts", folder=tmp_path).stdout == "4\n"
    last = run("-", given="console.log(1)\n// the end\n")
    assert (last.stdout, last.stderr) == ("1\n", "")


def test_the_container_has_the_limits_of_the_compose_file() -> None:
    lawful(f"{compose()} up -d")
    by_compose = inspect()["HostConfig"]
    assert run("-s").returncode == 0
    assert run("-d").returncode == 0
    by_script = inspect()["HostConfig"]
    same = ("Memory", "MemorySwap", "NanoCpus", "PidsLimit", "Tmpfs", "CapDrop", "ReadonlyRootfs", "IpcMode", "ShmSize",
            "Dns", "PortBindings", "LogConfig", "RestartPolicy")  # fmt: skip
    assert {name: by_script[name] for name in same} == {name: by_compose[name] for name in same}
    assert sorted(map(str, by_script["Ulimits"])) == sorted(map(str, by_compose["Ulimits"]))


def test_streams_are_apart_and_what_is_displayed_is_shown() -> None:
    done = run("console.log(1); console.error(2); await display({'text/plain': '3'}, {raw: true}); 4")
    assert (done.returncode, done.stdout) == (0, "1\n3\n")
    assert done.stderr.endswith("2\n")


@pytest.mark.parametrize("text", [EVERY_CHARACTER, '"' * 50_000, "\\" * 50_000, ""])
def test_every_character_goes_in_and_comes_out(text: str) -> None:
    assert run("-d").returncode == 0
    raw = text.replace("\r", "").replace("`", "").replace("$", "").replace("\\", "").replace("\x00", "")
    inside = run("-", given=f"console.log(JSON.stringify(String.raw`{raw}`)); console.log({json.dumps(text)})")
    read, _, written = inside.stdout.partition("\n")
    assert json.loads(read) == raw
    assert written == text.replace("\r\n", "\n").replace("\r", "\n") + "\n"


def test_the_status_is_that_of_the_program() -> None:
    assert status("1 + 1") == 0
    failed = run("throw new Error('of the program')")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "Error: of the program" in failed.stderr
    assert status("process.exit(7)") == 7
    late = run("while (true) {}")
    assert (late.returncode, "time limit" in late.stderr) == (124, True)
    eaten = run("const all = []; while (true) all.push(new Uint8Array(1 << 22).fill(1))")
    assert (eaten.returncode, "memory limit" in eaten.stderr) == (137, True)
    assert status("-f", "/nothing") == status("-x") == status() == 125


def test_the_raw_answer_is_one_json_object_and_the_status_stays() -> None:
    assert json.loads(run("--json", "6 * 7").stdout)["result"] == {"text/plain": "42"}
    done = run("--json", "console.log('\"'); process.exit(3)")
    assert (done.returncode, json.loads(done.stdout)["exit_code"]) == (3, 3)


def test_output_comes_while_the_program_runs_and_an_interrupt_ends_it() -> None:
    assert run("-d").returncode == 0
    command = [str(SCRIPT), "console.log('begun'); await Bun.sleep(60_000)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) in {130, -signal.SIGINT}
    assert eventually(lambda: '"outcome":"interrupted"' in sh(f"docker logs {NAME}").stdout)


def test_the_container_is_started_shown_restarted_and_removed() -> None:
    assert status("-d") == 0
    before = inspect()["State"]["StartedAt"]
    assert run("-d").stderr == ""
    assert status("console.log(1)") == 0
    assert '"event":"execution"' in run("-l").stdout
    assert status("-r") == 0
    assert inspect()["State"]["StartedAt"] != before
    lawful(f"docker stop {NAME}")
    assert run("console.log(2)").stdout == "2\n"
    assert status("-s") == 0
    assert sh(f"docker container inspect {NAME}").returncode != 0
    assert "There is no container bun-sandbox." in run("-s").stderr
    assert "-f FILE" in run("-h").stdout


def test_a_container_with_a_secret_runs_the_code_of_those_who_know_it() -> None:
    assert run("-d", secret="s3cret").returncode == 0
    assert run("console.log(1)", secret="s3cret").stdout == "1\n"
    stranger = run("console.log(1)")
    assert (stranger.returncode, stranger.stdout) == (125, "")
    assert "secret" in stranger.stderr


def test_a_taken_port_is_said_in_one_sentence_and_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 9998)):
        done = run("console.log(1)")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("run-sandbox: port 9998 or 9999 of 127.0.0.1 is taken; stop what has it")
    assert sh(f"docker container inspect {NAME}").returncode != 0
