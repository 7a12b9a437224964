"""Waits for a sandbox that has just been started. Blocking, and without HTTP libraries: this is the start-up path."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from .engines import Endpoint, Unix

_PATIENCE = 15.0
"""Seconds; a start takes 0.3 s on an idle machine."""
_PAUSE = 0.004
_LIVENESS_EVERY = 50


def wait_until_ready(endpoint: Endpoint, is_running: Callable[[], bool]) -> None:
    """Return once the supervisor accepts connections. Raises TimeoutError when it ended, or took 15 s."""
    deadline = time.monotonic() + _PATIENCE
    attempt = 0
    while time.monotonic() < deadline:
        if _answers(endpoint):
            return
        attempt += 1
        if attempt % _LIVENESS_EVERY == 0 and not is_running():
            break
        time.sleep(_PAUSE)
    raise TimeoutError


def _answers(endpoint: Endpoint) -> bool:
    """A published port accepts connections before anybody listens inside, so only an answer counts."""
    unix = isinstance(endpoint, Unix)
    connection = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    with connection:
        connection.settimeout(1)
        try:
            connection.connect(str(endpoint.path) if isinstance(endpoint, Unix) else (endpoint.host, endpoint.port))
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n")
            return connection.recv(9) == b"HTTP/1.1 "
        except OSError:
            return False
