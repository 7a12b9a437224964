"""What the doctor says of the container that serves without a kernel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml

from bun_sandbox_kernel import last_words, standalone
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.standalone import Denial, Holder

ROOT = Path(__file__).parents[2]
X86_64 = 0xC000003E
AUDIT = (
    "[  12.345678] audit: type=1326 audit(1764000010.123:42): auid=4294967295 uid=10001 gid=10001 ses=4294967295 "
    'pid=7 comm="bun" exe="/usr/local/bin/bun" sig=31 arch=c000003e syscall=308 compat=0 ip=0x7f code=0x80000000\n'
    "[  12.345679] audit: type=1326 audit(1764000011.123:43): auid=4294967295 uid=1000 gid=1000 ses=1 "
    'pid=8 comm="firefox" exe="/usr/bin/firefox" sig=0 arch=c000003e syscall=101 compat=0 ip=0x7f code=0x50000\n'
)


def described(status: str = "exited", code: int = 1, **state: Any) -> dict[str, Any]:
    times = {"StartedAt": "2025-11-24T16:00:00.123456789Z", "FinishedAt": "2025-11-24T16:00:20.5Z"}
    return {"State": {"Status": status, "ExitCode": code, "OOMKilled": False, "Error": "", **times, **state}}


def test_free_ports_and_the_container_s_own_are_well() -> None:
    own = Holder("container", "bun-sandbox")
    assert standalone.check_ports({}).status == "ok"
    assert standalone.check_ports({9998: own, 9999: own}).status == "ok"


def test_who_has_a_port_is_named() -> None:
    check = standalone.check_ports({9998: Holder("process", "python3 (42)"), 9999: Holder("container", "web")})
    assert check.status == "warn"
    assert "9998 by the process python3 (42), 9999 by the container web" in check.text


def test_a_container_that_is_up_is_well_and_one_that_was_short_of_memory_is_told() -> None:
    assert standalone.check_container(described("running", 0), "").status == "ok"
    check = standalone.check_container(described("running", 0, OOMKilled=True), "")
    assert (check.status, check.remedy) == ("warn", last_words.MEMORY)


@pytest.mark.parametrize(
    ("code", "error", "log", "remedy"),
    [
        (137, "", "", "mem_limit"),
        (159, "", "", "BUN_SANDBOX_SECCOMP=unconfined"),
        (128, "Bind for 127.0.0.1:9998 failed: port is already allocated", "", "Once the ports are free"),
        (
            1,
            "",
            'BUN_SANDBOX_SECRET_FILE is "/s", and it cannot be read (EACCES: permission denied); give a …',
            "chmod",
        ),
        (
            1,
            "",
            "BUN_SANDBOX_SECRET_FILE … cannot be read (ENOENT: no such file); give a file that …",
            "correct the one that is named",
        ),
        (1, "", 'MAX_MEMORY is "lots"; give bytes with an optional unit', "correct the one that is named"),
        (128, "fatal error: unexpected signal during runtime execution", "", "BUN_SANDBOX_SECCOMP=unconfined"),
        (1, "", "EPERM: operation not permitted", "BUN_SANDBOX_SECCOMP=unconfined"),
        (1, "", "exec /usr/local/bin/bun: resource temporarily unavailable", "take nproc out"),
        (132, "", "panic: failed to create the event loop: errno 1", "BUN_SANDBOX_SECCOMP=unconfined"),
        (134, "", "panic: failed to create the event loop: errno 38", "BUN_SANDBOX_SECCOMP=unconfined"),
        (133, "", "ENOSYS: function not implemented, listen", "BUN_SANDBOX_SECCOMP=unconfined"),
        (132, "", "panic: failed to map a page: errno 12", "mem_limit"),
        (132, "", "panic(main thread): abort() called", "raise pids_limit"),
        (127, "exec: no such file or directory", "", "image build"),
        (1, "", "", "docker logs bun-sandbox"),
    ],
)
def test_how_a_dead_container_ended_leads_to_what_to_do(code: int, error: str, log: str, remedy: str) -> None:
    check = standalone.check_container(described(code=code, Error=error), log)
    assert check.status == "warn"
    assert f"exit status {code}" in check.text
    assert (error + log)[:40] in check.text
    assert remedy in check.remedy


CRASH = """\
============================================================
Bun v1.4.5 (a7733435c) Linux x64
Args: "/usr/local/bin/bun" "--no-install" "/opt/bun-sandbox/main.js"
Elapsed: {elapsed}ms | User: 6ms | Sys: 6ms

panic: failed to create the event loop: errno 1
oh no: Bun has crashed. This indicates a bug in Bun, not your code.

To send a redacted crash report to Bun's team,
please file a GitHub issue using the link below:

 https://bun.report/1.4.5/la1a773343AggggC2xmioD6ishoD24uhoD04

"""
UNCAUGHT = """\
7420 |   }
7421 | }
7422 |   Bun.serve({
                  ^
EPERM: operation not permitted, listen
 syscall: "listen",
   errno: -1,
    code: "EPERM"

      at serve (/opt/bun-sandbox/main.js:7422:12)
note: missing sourcemaps for /opt/bun-sandbox/main.js

Bun v1.4.5 (Linux x64)
"""


def test_of_a_crash_the_line_that_matters_is_shown_once_however_often_it_came() -> None:
    check = standalone.check_container(
        described("restarting", 132), CRASH.format(elapsed=1) + CRASH.format(elapsed=2) + CRASH.format(elapsed=1)
    )
    assert check.text.endswith("with exit status 132, and said: panic: failed to create the event loop: errno 1")
    assert check.remedy == last_words.SECCOMP


def test_of_an_uncaught_error_its_message_is_shown_without_the_source() -> None:
    assert last_words.last_words(UNCAUGHT) == ["EPERM: operation not permitted, listen"]


def test_the_latest_of_two_causes_decides() -> None:
    said = last_words.last_words(f'{UNCAUGHT}MAX_MEMORY is "lots"; give bytes with an optional unit\n')
    assert len(said) == 2
    assert "correct the one that is named" in last_words.remedy_of_words(said, "")


@pytest.mark.parametrize("length", [100, 1000])
def test_many_words_are_cut_between_lines_and_one_that_is_too_long_at_its_end(length: int) -> None:
    lines = [f"line {number} {'x' * length}" for number in range(20)]
    said = last_words.last_words("\n".join(lines))
    assert len(" ".join(said)) < 620
    assert said
    assert all(line.startswith(shown) for line, shown in zip(lines[-len(said) :], said, strict=True))


@pytest.mark.parametrize("code", [0, 1, 132])
@pytest.mark.parametrize("log", ["", "hm", CRASH, "0.0.0.0:9998: address already in use"])
def test_nobody_is_told_to_start_what_is_restarting(code: int, log: str) -> None:
    assert "docker start" not in standalone.check_container(described("restarting", code), log).remedy


def failed(said: str) -> str:
    return json.dumps({"time": "2026-01-01T12:00:00.000Z", "event": "worker_failed", "said": said})


def test_workers_that_cannot_start_are_told_with_what_one_said() -> None:
    (check,) = standalone.check_workers(f"{failed('earlier')}\n{failed(CRASH)}\n")
    assert check.status == "warn"
    assert check.text == (
        "workers: they could not start at 2026-01-01T12:00:00.000Z, and one said: "
        "panic: failed to create the event loop: errno 1"
    )
    assert check.remedy == last_words.SECCOMP
    (check,) = standalone.check_workers(failed(""))
    assert check.text.endswith("and said nothing")
    assert check.remedy == last_words.STARVED


@pytest.mark.parametrize("events", ["", "7", '{"event":"execution","code":"worker_failed"}', 'iled","said":"x"}'])
def test_where_no_worker_failed_none_is_told(events: str) -> None:
    assert not list(standalone.check_workers(events))


def document(page: str) -> str:
    return " ".join((ROOT / "docs" / page).read_text("utf-8").split())


def test_more_memory_for_a_container_is_advised_with_more_for_its_programs() -> None:
    (section,) = re.findall(r"## Out of memory (.*?) ## ", document("troubleshooting.md"))
    for text in (last_words.MEMORY, section):
        assert all(limit in text for limit in ("mem_limit", "memswap_limit", "MAX_MEMORY", "compose.memory.yml"))


@pytest.mark.parametrize("page", ["monitoring.md", "operating.md"])
def test_documents_tell_the_sandboxes_of_kernels_from_the_container_that_has_none(page: str) -> None:
    text = document(page)
    assert "`docker stats bun-sandbox`" in text
    assert "9999" in text
    assert not re.search(r"(?:every|all) sandbox(?:es)?\b", text)


@pytest.mark.parametrize(
    ("page", "row"),
    [
        ("troubleshooting.md", "Permission denied below `/sandbox/code`"),
        ("configuration.md", "`BUN_SANDBOX_SECRET_FILE`"),
    ],
)
def test_documents_name_the_user_of_the_compose_file_and_that_of_the_image(page: str, row: str) -> None:
    (line,) = re.findall(rf"^\| {re.escape(row)} .*", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE)
    compose = yaml.safe_load((ROOT / "docker/docker-compose.yml").read_text("utf-8"))
    assert compose["services"]["bun-sandbox"]["user"].partition(":")[0] in line
    assert str(SandboxPolicy.uid) in line


def test_a_container_that_is_paused_is_told_with_how_it_goes_on() -> None:
    check = standalone.check_container(described("paused", 0), "")
    assert (check.status, "docker unpause bun-sandbox" in check.remedy) == ("warn", True)


def test_what_a_container_said_brings_a_terminal_to_do_nothing() -> None:
    check = standalone.check_container(described(), "\x1b]0;mine\x07 \u202eolleh")
    assert check.text.isprintable()
    assert r"\x1b]0;mine\x07" in check.text


def test_denied_system_calls_are_those_of_the_container_s_user_in_its_time_by_name() -> None:
    assert standalone.denials(AUDIT, 10002) == []
    denied = standalone.denials(AUDIT, 10001)
    assert denied == [Denial(1764000010.123, X86_64, 308)]
    (check,) = standalone.check_seccomp(described(), denied)
    assert standalone.call_name(denied[0]) in check.text
    earlier = [denied[0]._replace(at_s=denied[0].at_s - 3600)]
    assert not list(standalone.check_seccomp(described(), earlier))


def test_a_call_that_nobody_can_name_keeps_its_number() -> None:
    assert standalone.call_name(Denial(0, X86_64, 99_999)) == "call 99999"


def test_a_process_and_a_container_on_a_port_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_connections", lambda _: [])
    assert standalone.holders({9999: "web", 80: "other"}) == {9999: Holder("container", "web")}
    assert json.dumps(standalone.holders({})) == "{}"


def test_the_engine_s_own_process_on_a_port_is_no_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    listens = SimpleNamespace(laddr=SimpleNamespace(ip="127.0.0.1", port=9998), status=psutil.CONN_LISTEN, pid=7)
    monkeypatch.setattr(psutil, "net_connections", lambda _: [listens])
    for name, strangers in {"docker-proxy": 0, "python3": 1}.items():
        monkeypatch.setattr(psutil, "Process", lambda _, name=name: SimpleNamespace(name=lambda: name))
        assert len(standalone.holders({})) == strangers


@pytest.mark.parametrize(("version", "status"), [(0, "warn"), (5, "warn"), (6, "ok"), (7, "ok")])
def test_a_kernel_that_keeps_nobody_apart_is_a_warning(version: int, status: str) -> None:
    assert [check.status for check in standalone.check_apart({"landlock": version})] == [status]


@pytest.mark.parametrize("health", [{}, {"landlock": "7"}, {"landlock": None}])
def test_a_health_that_says_nothing_is_not_judged(health: dict[str, object]) -> None:
    assert not list(standalone.check_apart(health))
