"""Laws of the scripts that make a machine ready."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = "65534"


class _Engine(BaseHTTPRequestHandler):
    """Says its version, which is all that the script asks."""

    def do_GET(self) -> None:
        body = b'{"Version": "28.3.3", "ApiVersion": "1.41", "Components": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Path]:
    """Return the socket of an engine that lets everybody in."""
    path = tmp_path / "docker.sock"
    with UnixStreamServer(str(path), _Engine) as server:
        path.chmod(0o666)
        threading.Thread(target=server.serve_forever).start()
        yield path
        server.shutdown()


def engine_script(socket: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as a user who is not root, but may read this Python, which can be root's alone."""
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    drop += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    command = [*(drop if os.geteuid() == 0 else []), str(ROOT / "scripts" / "engine.sh")]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "HOME": str(socket.parent), "DOCKER_HOST": f"unix://{socket}"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_without_an_engine_who_is_not_root_is_told_in_one_sentence_what_to_do(tmp_path: Path) -> None:
    done = engine_script(tmp_path / "nothing.sock")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "No container engine answers: install Docker (Debian and Ubuntu: sudo apt-get install docker.io), "
        "start it, and join the group docker.\n"
    )


def test_with_an_engine_who_is_not_root_is_told_nothing(answering: Path) -> None:
    done = engine_script(answering)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a socket that keeps a user out")
def test_an_engine_that_keeps_a_user_out_does_not_answer_them(answering: Path) -> None:
    answering.chmod(0o600)
    done = engine_script(answering)
    assert (done.returncode, done.stdout) == (1, "")
    assert "join the group docker" in done.stderr
