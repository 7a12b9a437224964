"""Laws of docker/scripts/run-sandbox.sh."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import eventually
from tests.integration.operator import DOCKER, NAME, Done, await_health, compose, inspect, lawful, sh

SCRIPT = DOCKER / "scripts" / "run-sandbox.sh"
EVERY_CHARACTER = "".join(map(chr, range(1, 0x250))) + "\u2028\u2029😀\"\\\n\r\t$`'%s"

pytestmark = pytest.mark.usefixtures("ports")


def run(*arguments: str, given: str | None = None, folder: Path = Path("/"), **environment: str) -> Done:
    """Run the script, from a folder that is not its own."""
    return subprocess.run(
        [SCRIPT, *arguments], input=given, cwd=folder, env={**os.environ, **environment}, capture_output=True,
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


def test_compose_and_the_script_share_one_network_whoever_makes_it() -> None:
    assert run("-d").returncode == 0
    by_script = set(inspect()["NetworkSettings"]["Networks"])
    assert run("-s").returncode == 0
    (network,) = by_script
    options = json.loads(lawful(f"docker network inspect {network}"))[0]["Options"]
    assert options["com.docker.network.bridge.name"] == "bun-sandbox"
    lawful(f"{compose()} up -d")
    assert set(inspect()["NetworkSettings"]["Networks"]) == by_script


def test_settings_of_the_shell_are_those_of_the_container_that_is_started() -> None:
    started = run("-d", MAX_EXECUTION_TIME="4000", MAX_MEMORY="100m", MAX_OUTPUT="10k", BUN_SANDBOX_AUDIT="1")
    assert started.returncode == 0
    limits = await_health()["limits"]
    assert limits == {"max_execution_ms": 4000, "max_memory_bytes": 100 << 20, "max_output_bytes": 10 << 10}
    assert status("console.log('audited')") == 0
    assert eventually(lambda: '"stdout":"audited\\n"' in sh(f"docker logs {NAME}").stdout)


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
    assert (late.returncode, "time limit; MAX_EXECUTION_TIME of the container sets it" in late.stderr) == (124, True)
    eaten = run("const all = []; while (true) all.push(new Uint8Array(1 << 22).fill(1))")
    assert (eaten.returncode, "memory limit" in eaten.stderr) == (137, True)
    exits = run("process.exit(124)")
    assert (exits.returncode, "MAX_EXECUTION_TIME" in exits.stderr) == (124, False)
    assert status("-f", "/nothing") == status("-x") == status() == 125


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-1 + 2"], "unknown option -1 + 2; for code that begins with a dash use --"),
        (["console.log", "(5)"], "there is an argument too many: (5); quote all of the code as one"),
        (["console.log(5)", "--json"], "there is an argument too many: --json; quote all of the code as one"),
        (["--", "-1", "+ 2"], "there is an argument too many: + 2; quote all of the code as one"),
        (["-f", "a.ts", "b.ts"], "there is an argument too many: b.ts; quote all of the code as one"),
        (["-d", "console.log(5)"], "there is an argument too many: console.log(5); quote all of the code as one"),
        (["--"], "there is no code after --"),
        (["-f"], "there is no file after -f"),
        (["-f", "-"], "for standard input give - without -f"),
        (["--json", "-s"], "--json goes with code, and not with -s"),
    ],
)
def test_arguments_that_it_does_not_take_are_named_and_nothing_starts(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"run-sandbox: {said}")
    assert sh(f"docker container inspect {NAME}").returncode != 0


def test_code_that_begins_with_a_dash_goes_behind_two() -> None:
    assert json.loads(run("--json", "--", "-1 + 2").stdout)["result"] == {"text/plain": "1"}
    assert run("--", "-console.log(5)").stdout == "5\n"


def test_what_is_no_program_is_named_with_what_is_allowed(tmp_path: Path) -> None:
    text = "a program is UTF-8 without NUL characters"
    size = "a program has at most 1 MiB"
    cases = {
        "latin1.ts": (b"console.log('\xe9')", text),
        "nul.ts": (b"console.log('a\x00b')", text),
        "large.ts": (b" " * (1 << 20), size),
        "much.ts": (b'"' * 600_000, size),
    }
    for name, (content, allowed) in cases.items():
        (tmp_path / name).write_bytes(content)
        done = run("-f", name, folder=tmp_path)
        assert (done.returncode, done.stdout) == (125, "")
        assert f"run-sandbox: {name} did not run: {allowed}" in done.stderr
    assert f"the code did not run: {text}" in sh(f"{SCRIPT} - <nul.ts", folder=tmp_path).stderr
    assert f"/dev/zero did not run: {size}" in run("-f", "/dev/zero").stderr
    assert run("-f", str(tmp_path)).stderr == f"run-sandbox: {tmp_path} is a folder; give a file after -f.\n"
    closed = sh(f"{SCRIPT} - <&-")
    assert (closed.returncode, closed.stderr) == (125, "run-sandbox: standard input is closed; give code to it.\n")


def test_a_traceback_names_the_file(tmp_path: Path) -> None:
    name = 'an "odd"\\n one.ts'
    (tmp_path / name).write_text("const a = 1\nthrow new Error('x')", "utf-8")
    assert f"{name}, line 2" in run("-f", name, folder=tmp_path).stderr


def test_a_setting_of_curl_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text("request = PATCH", "utf-8")
    assert run("console.log(1)", CURL_HOME=str(tmp_path)).stdout == "1\n"


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


def test_a_script_that_is_told_to_end_again_and_again_with_its_group_leaves_nothing(tmp_path: Path) -> None:
    assert run("-d").returncode == 0
    command = [str(SCRIPT), "console.log('begun'); await Bun.sleep(60_000)"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            os.killpg(process.pid, signal.SIGTERM)
        assert process.returncode in {130, 143}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_script_that_is_ended_ends_the_program_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    assert run("-d").returncode == 0
    command = [str(SCRIPT), "console.log('begun'); await Bun.sleep(60_000)"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.Signals[name])
        assert process.wait(timeout=30) == 130
    assert eventually(lambda: '"outcome":"interrupted"' in sh(f"docker logs {NAME}").stdout)
    assert list(tmp_path.iterdir()) == []


def test_a_script_that_is_ended_while_it_reads_leaves_nothing(tmp_path: Path) -> None:
    assert run("-d").returncode == 0
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([SCRIPT, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert eventually(lambda: list(tmp_path.iterdir()) != [])
        process.terminate()
        assert process.wait(timeout=30) in {130, -signal.SIGTERM}
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0], "somebody still has its output"
    assert list(tmp_path.iterdir()) == []


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
    log = run("-l")
    assert (log.returncode, log.stdout) == (125, "")
    assert log.stderr.startswith("run-sandbox: there is no container bun-sandbox")


@pytest.mark.parametrize("argument", ["-s", "-l", "-r", "-d", "console.log(1)"])
def test_an_engine_that_does_not_answer_is_said_in_a_sentence(argument: str) -> None:
    done = run(argument, DOCKER_HOST="unix:///nobody/answers.sock")
    assert (done.returncode, done.stdout) == (125, "")
    assert "unix:///nobody/answers.sock" in done.stderr
    assert done.stderr.endswith("\nrun-sandbox: docker failed; above is what it says.\n")


def test_starts_at_once_share_one_container() -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: run(f"console.log({number})"), range(4)))
    assert [(one.returncode, one.stdout) for one in done] == [(0, f"{number}\n") for number in range(4)], done


def test_a_link_to_the_script_starts_the_container(tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to(SCRIPT)
    (tmp_path / "sandbox").symlink_to("first")
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert sh("sandbox 'console.log(1)'", folder=Path("/"), PATH=path).stdout == "1\n"


def test_a_container_without_a_port_is_said_without_waiting() -> None:
    lawful(f"{compose()} -f docker-compose.yml -f compose.no-network.yml up -d")
    done = run("console.log(1)")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("run-sandbox: the container bun-sandbox publishes no port 9999")


@pytest.mark.parametrize("secret", ["s3cret", 'a"b\\c d'])
def test_a_container_with_a_secret_runs_the_code_of_those_who_know_it(secret: str) -> None:
    assert run("-d", BUN_SANDBOX_SECRET=secret).returncode == 0
    assert run("console.log(1)", BUN_SANDBOX_SECRET=secret).stdout == "1\n"
    stranger = run("console.log(1)")
    assert (stranger.returncode, stranger.stdout) == (125, "")
    assert stranger.stderr.endswith("the container has a secret, and BUN_SANDBOX_SECRET is not it\n")


def test_a_container_with_a_wrong_setting_is_said_to_keep_it() -> None:
    done = run("console.log(1)", MAX_EXECUTION_TIME="5s")
    assert done.returncode == 125
    assert 'MAX_EXECUTION_TIME is "5s"; give whole milliseconds' in done.stderr
    assert "It keeps the settings that it was made with" in done.stderr
    assert run("-s").returncode == 0
    assert run("console.log(1)", MAX_EXECUTION_TIME="5000").stdout == "1\n"


def test_one_interrupt_ends_a_loop_of_the_shell() -> None:
    assert run("-d").returncode == 0
    loop = f"for i in 1 2 3; do {SCRIPT} \"console.log('begun'); await Bun.sleep(60000)\"; done"
    with subprocess.Popen(["bash", "-c", loop], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) in {130, -signal.SIGINT}
        assert process.stdout.read() == ""


def test_a_taken_port_is_said_in_one_sentence_and_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 9998)):
        done = run("console.log(1)")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("run-sandbox: port 9998 or 9999 of 127.0.0.1 is taken; stop what has it")
    assert sh(f"docker container inspect {NAME}").returncode != 0
