"""What a person with curl has of a container that serves many."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.conftest import eventually
from tests.integration.served import EATS, Served, docker, served

HANGS = "await new Promise(() => {})"


def test_code_is_answered_with_what_it_prints(box: Served) -> None:
    ran = box.execute('console.log("Hello from sandbox!"); 6 * 7')
    assert (ran["stdout"], ran["result"], ran["outcome"]) == ("Hello from sandbox!\n", {"text/plain": "42"}, "ok")


def test_every_answer_is_one_that_the_contract_names(engine: DockerEngine, tmp_path: Path) -> None:
    """Schemathesis makes requests of the contract, lawful and unlawful, and holds the answers to it."""
    program = Path(sys.executable).with_name("schemathesis")
    with served() as box:
        command = (program, "run", f"{box.client.base_url}/openapi.json", "--max-examples", "40", "--no-color")
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout
        assert "18/18" in run.stdout


def test_the_port_of_health_serves_nothing_else(box: Served) -> None:
    assert box.health.get("/health/live").json() == {"status": "ok"}
    assert "bun_sandbox_executions_total" in box.health.get("/metrics").text
    assert box.health.post("/execute", json={"code": "1"}).status_code == httpx.codes.NOT_FOUND


def test_a_secret_is_asked_for_where_there_is_one(engine: DockerEngine) -> None:
    with served(environment={"BUN_SANDBOX_SECRET": "s3cret"}) as box:
        assert box.client.post("/execute", json={"code": "1"}).status_code == httpx.codes.UNAUTHORIZED
        box.client.headers["authorization"] = "Bearer s3cret"
        assert box.printed("console.log(JSON.stringify(process.env).includes('s3cret'))") == "false\n"


def test_limits_come_from_the_environment(engine: DockerEngine) -> None:
    environment = {"MAX_EXECUTION_TIME": "300", "MAX_MEMORY": "128m", "NODE_ENV": "staging"}
    with served(environment=environment) as box:
        assert box.printed("console.log(process.env.NODE_ENV)") == "staging\n"
        assert box.execute("for (;;);")["outcome"] == "timeout"
        ran = box.execute(EATS.replace("await Bun.sleep(1)", ""))
        assert (ran["outcome"], ran["error"]["message"]) == (
            "memory",
            "memory limit 128 MB reached; all variables are gone",
        )
        box.lives()


def test_a_container_ends_at_once_when_it_is_asked_to(engine: DockerEngine) -> None:
    with served() as box:
        docker("stop", "--time=20", box.name)
        assert docker("inspect", "--format={{.State.ExitCode}}", box.name) == "0\n"


def test_code_inside_cannot_order_work_for_itself(box: Served) -> None:
    ask = """
const asked = [["execute", "POST"], ["interrupt", "POST"], ["sessions/x", "DELETE"], ["health", "GET"]];
for (const host of ["127.0.0.1", "localhost", require("node:os").hostname()])
  for (const [path, method] of asked) {
    const answer = await fetch(`http://${host}:9998/${path}`, { method, body: method === "POST" ? "{}" : undefined });
    console.log(answer.status);
  }
"""
    assert box.printed(ask).split() == ["403", "403", "403", "200"] * 3


def test_executions_run_beside_each_other(box: Served) -> None:
    assert box.idles()
    meet = (
        "import { existsSync, writeFileSync } from 'node:fs'; writeFileSync('/tmp/' + me, '');"
        "while (!(existsSync('/tmp/a') && existsSync('/tmp/b'))) await Bun.sleep(5); console.log(me)"
    )
    with ThreadPoolExecutor() as pool:
        printed = pool.map(lambda me: box.printed(f"const me = '{me}'; {meet}"), "ab")
    assert list(printed) == ["a\n", "b\n"]


def test_past_the_queue_clients_are_told_to_ask_again(box: Served) -> None:
    assert box.idles()
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda _: box.client.post("/execute", json={"code": "1"}), range(60)))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {httpx.codes.OK, httpx.codes.TOO_MANY_REQUESTS}
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code != httpx.codes.OK} == {"1"}
    box.lives()


@pytest.mark.parametrize("place", ["/tmp/left", "/dev/shm/left", "left", "/tmp/a/b/c/left"])
def test_the_next_execution_finds_no_file_of_the_one_before(box: Served, place: str) -> None:
    assert box.idles()
    assert box.printed(f"await Bun.write('{place}', '1'); console.log(1)") == "1\n"
    assert eventually(lambda: box.printed(f"console.log(await Bun.file('{place}').exists())") == "false\n", 5)


def test_every_execution_finds_its_folder_empty_in_a_crowd_and_after_it(box: Served) -> None:
    look = "console.log(require('node:fs').readdirSync('.').length); await Bun.write('left', '1')"
    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            crowd = set(pool.map(lambda _: box.printed(look), range(16)))
        assert box.idles()
        assert crowd | {box.printed(look) for _ in range(4)} == {"0\n"}


def test_what_an_execution_has_started_ends_with_it(box: Served) -> None:
    daemon = "Bun.spawn([process.execPath, '-e', 'setInterval(() => {}, 1e6)'], { detached: true }).unref();"
    nested = f"Bun.spawn([process.execPath, '-e', {json.dumps(daemon)}], {{ detached: true }}).unref(); process.exit()"
    box.execute(f"{daemon} await Bun.spawn([process.execPath, '-e', {json.dumps(nested)}]).exited")
    # Five at most: the supervisor, and its workers.
    assert eventually(lambda: int(docker("top", box.name, "-o", "pid").count("\n")) <= 6)
    box.lives()


def test_a_client_that_hangs_up_ends_its_execution(box: Served) -> None:
    assert box.idles()
    with pytest.raises(httpx.ReadTimeout):
        box.client.post("/execute", json={"code": HANGS}, timeout=0.5)
    assert box.idles()


def test_events_come_as_they_happen(box: Served) -> None:
    body = {"code": "console.log(1); await Bun.sleep(300); console.log(2)"}
    headers = {"accept": "application/x-ndjson"}
    with box.client.stream("POST", "/execute", json=body, headers=headers) as answer:
        came = [(json.loads(line), time.monotonic()) for line in answer.iter_lines()]
    assert [event["type"] for event, _ in came] == ["stream", "stream", "end"]
    assert came[1][1] - came[0][1] > 0.1


def test_every_command_of_the_page_gives_what_the_page_says(box: Served, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/http-api.md").read_text("utf-8")
    said = [
        (command, answer.replace("\n ", ""))
        for block in re.findall(r"```\n(\$ .*?)```", page, re.DOTALL)
        for command, answer in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)
    ]
    (tmp_path / "buns.csv").write_text("bun,price\nplain,1\nsweet,2\n\n", "utf-8")
    mark = "--- next ---"
    script = "".join(f"{command}\necho; echo '{mark}'\n" for command, _ in said)
    script = script.replace("localhost:9998", f"127.0.0.1:{box.port(9998)}")
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    answers = done.stdout.split(mark)
    assert len(answers) == len(said) + 1 > 8
    for (command, wanted), answer in zip(said, answers, strict=False):
        assert bool(wanted) == bool(answer.strip()), (command, answer)
        if wanted:
            assert shape(json.loads(answer)) == shape(json.loads(wanted)), command
    assert (tmp_path / "back.csv").read_bytes() == (tmp_path / "buns.csv").read_bytes()


def shape(value: object) -> object:
    """Return what of an answer is the same each time: all but numbers."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return type(value) if isinstance(value, int) else value


def test_without_a_secret_no_web_page_runs_anything(box: Served) -> None:
    simple = {"content-type": "text/plain", "origin": "https://evil.example"}
    for method, path in (("POST", "/execute"), ("POST", "/sessions"), ("GET", "/self_check")):
        answer = box.client.request(method, path, headers=simple, content=b'{"code": "1"}')
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert answer.json()["error"]["message"].startswith("a page of https://evil.example asks")
    assert not box.client.get("/health", headers=simple).headers.get("access-control-allow-origin")


def test_each_execution_is_a_line_of_the_log_that_says_nothing_of_its_code(box: Served) -> None:
    box.execute("console.log('loud' + 'ly'); throw new Error('quiet' + 'ly')", execution="logged")
    (line,) = [line for line in box.log() if line["execution"] == "logged"]
    assert (line["event"], line["outcome"], line["output_bytes"] > 0) == ("execution", "error", True)
    assert line.keys() >= {"time", "session", "waited_ms", "wall_ms", "cpu_ms", "peak_memory_bytes", "dropped_bytes"}
    assert not any(word in docker("logs", box.name) for word in ("loud", "quiet"))


def test_an_audit_keeps_the_code_and_what_it_printed_what_it_has_cleared_too(engine: DockerEngine) -> None:
    with served(environment={"BUN_SANDBOX_AUDIT": "1"}) as box:
        code = "console.log('loud' + 'ly'); console.clear(); clearOutput(); console.log('calm')"
        assert box.printed(code) == "calm\n"
        (line,) = box.log()
        assert (line["code"], line["stdout"], line["stderr"]) == (code, "loudly\ncalm\n", "")
