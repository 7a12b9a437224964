"""docker/nginx.conf in a real nginx, in front of a real container."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import absent, eventually
from tests.integration.operator import DOCKER, Done, await_health, compose, lawful, sh

SECRET = "5ec2e7"  # noqa: S105  (of this test alone)
FRAME = """
user {user};
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    include {folder}/sandbox.conf;
}}
"""


@pytest.fixture
def address(ports: None, tmp_path: Path) -> Iterator[str]:
    """Start a container with a secret, and nginx with a certificate and a user; yield where it listens."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        absent("there is no nginx; scripts/compose.sh installs one")
    lawful(f"{compose()} up -d", BUN_SANDBOX_SECRET=SECRET)
    await_health()
    lawful(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost "
        "-keyout privkey.pem -out fullchain.pem && printf 'ada:%s\\n' \"$(openssl passwd -apr1 lovelace)\" >htpasswd",
        folder=tmp_path,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (DOCKER / "nginx.conf").read_text("utf-8")
    places = {"listen 443": f"listen 127.0.0.1:{port}", "/etc/nginx/tls": str(tmp_path), "/etc/nginx": str(tmp_path),
              "http://bun-sandbox:": "http://127.0.0.1:", "${BUN_SANDBOX_SECRET}": SECRET}  # fmt: skip
    for name, here in places.items():
        assert name in text
        text = text.replace(name, here)
    (tmp_path / "sandbox.conf").write_text(text, "utf-8")
    (tmp_path / "nginx.conf").write_text(FRAME.format(user=getpass.getuser(), folder=tmp_path), "utf-8")
    with subprocess.Popen([nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]) as process:
        yield f"https://127.0.0.1:{port}"
        process.terminate()


def ask(address: str, options: str = "") -> Done:
    """Ask with curl; the status of the answer is the last line."""
    return sh(f"curl --silent --insecure --write-out '\\n%{{http_code}}' {options} {address}")


def status(address: str, options: str = "") -> str:
    return ask(address, options).stdout.rpartition("\n")[2]


def test_behind_nginx_who_has_a_password_executes_over_tls_and_nobody_else(address: str) -> None:
    assert eventually(lambda: status(f"{address}/health") == "200")
    code = '--data \'{"code": "6 * 7"}\''
    assert status(f"{address}/execute", code) == "401"
    assert status(f"{address}/execute", f"--user ada:wrong {code}") == "401"
    assert status(f"{address}/execute", f"--header 'Authorization: Bearer {SECRET}' {code}") == "401"
    answer, _, last = ask(f"{address}/execute", f"--user ada:lovelace {code}").stdout.rpartition("\n")
    assert last == "200"
    assert json.loads(answer)["result"] == {"text/plain": "42"}
    for path in ("metrics", "self_check"):
        assert status(f"{address}/{path}", "--user ada:lovelace") == "404"


def test_events_pass_nginx_as_they_happen(address: str) -> None:
    assert eventually(lambda: status(f"{address}/health") == "200")
    code = json.dumps({"code": "console.log('begun'); await Bun.sleep(60_000)"})
    options = ["--user", "ada:lovelace", "--header", "Accept: application/x-ndjson", "--data", code]
    command = ["curl", "--silent", "--insecure", "--no-buffer", *options, f"{address}/execute"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["text"] == "begun\n"
        process.terminate()
