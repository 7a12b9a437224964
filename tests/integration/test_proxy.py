"""docker/nginx.conf in a real nginx and docker/traefik.yml in a real Traefik, in front of a real container."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

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


Places = dict[str, str]
"""Words of a proxy's file → what they are on this machine."""


@pytest.fixture(params=["nginx", "traefik"])
def address(ports: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Start a container with a secret, and a proxy with a certificate and a user; yield where it listens."""
    lawful(f"{compose()} up -d", BUN_SANDBOX_SECRET=SECRET)
    await_health()
    lawful(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost "
        "-keyout privkey.pem -out fullchain.pem && printf 'ada:%s\\n' \"$(openssl passwd -apr1 lovelace)\" >htpasswd",
        folder=tmp_path,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begin = {"nginx": nginx, "traefik": traefik}[request.param]
    with subprocess.Popen(begin(tmp_path, port), env={"BUN_SANDBOX_SECRET": SECRET}) as process:
        yield f"https://127.0.0.1:{port}"
        process.terminate()


def nginx(folder: Path, port: int) -> list[str]:
    """Return the command of nginx on a port, with docker/nginx.conf."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        absent("there is no nginx; scripts/compose.sh installs one")
    places = {"listen 443": f"listen 127.0.0.1:{port}", "/etc/nginx/tls": str(folder), "/etc/nginx": str(folder),
              "http://bun-sandbox:": "http://127.0.0.1:", "${BUN_SANDBOX_SECRET}": SECRET}  # fmt: skip
    (folder / "sandbox.conf").write_text(moved((DOCKER / "nginx.conf").read_text("utf-8"), places), "utf-8")
    (folder / "nginx.conf").write_text(FRAME.format(user=getpass.getuser(), folder=folder), "utf-8")
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]


def traefik(folder: Path, port: int) -> list[str]:
    """Return the command of Traefik on a port, as docker/compose.traefik.yml has it, with docker/traefik.yml."""
    places = {"/etc/traefik/tls": str(folder), "/etc/traefik": str(folder), "http://bun-sandbox:": "http://127.0.0.1:"}
    (folder / "sandbox.yml").write_text(moved((DOCKER / "traefik.yml").read_text("utf-8"), places), "utf-8")
    service = yaml.safe_load((DOCKER / "compose.traefik.yml").read_text("utf-8"))["services"]["traefik"]
    options = moved("\n".join(service["command"]), {"=:443": f"=127.0.0.1:{port}", "/etc/traefik": str(folder)})
    return [str(Path(sys.executable).with_name("traefik")), *options.split("\n")]


def moved(text: str, places: Places) -> str:
    """Return the text with what stands for something on this machine in its place."""
    for name, here in places.items():
        assert name in text
        text = text.replace(name, here)
    return text


def ask(address: str, options: str = "") -> Done:
    """Ask with curl; the status of the answer is the last line."""
    return sh(f"curl --silent --insecure --write-out '\\n%{{http_code}}' {options} {address}")


def status(address: str, options: str = "") -> str:
    return ask(address, options).stdout.rpartition("\n")[2]


def test_behind_a_proxy_who_has_a_password_executes_over_tls_and_nobody_else(address: str) -> None:
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


def test_events_pass_a_proxy_as_they_happen(address: str) -> None:
    assert eventually(lambda: status(f"{address}/health") == "200")
    code = json.dumps({"code": "console.log('begun'); await Bun.sleep(60_000)"})
    options = ["--user", "ada:lovelace", "--header", "Accept: application/x-ndjson", "--data", code]
    command = ["curl", "--silent", "--insecure", "--no-buffer", *options, f"{address}/execute"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["text"] == "begun\n"
        process.terminate()
