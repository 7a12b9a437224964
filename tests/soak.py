"""``python -m tests.soak [cycles]``: starts and ends real kernels in every way, then counts what is left of them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from bun_sandbox_kernel.engines.docker import owner_of
from bun_sandbox_kernel.engines.docker_api import connect
from bun_sandbox_kernel.engines.docker_spec import LABEL
from tests.conftest import eventually
from tests.integration.kernels import Notebook, kernel

CYCLES = 200
GONE_SECONDS = 30
PROC = Path("/proc")


def shut_down(notebook: Notebook) -> None:
    """Ask it to end."""
    notebook.manager.shutdown_kernel()


def terminate(notebook: Notebook) -> None:
    """Send SIGTERM."""
    os.kill(notebook.pid, signal.SIGTERM)
    assert eventually(lambda: not notebook.manager.is_alive(), GONE_SECONDS)


def kill(notebook: Notebook) -> None:
    """Send SIGKILL."""
    os.kill(notebook.pid, signal.SIGKILL)
    assert eventually(lambda: not notebook.manager.is_alive(), GONE_SECONDS)


def restart(notebook: Notebook) -> None:
    """Restart it during the cell; the new one is shut down."""
    notebook.manager.restart_kernel()
    OWNERS.add(owner(notebook.pid))
    notebook.client.wait_for_ready(timeout=60)


WAYS: tuple[Callable[[Notebook], None], ...] = (shut_down, terminate, kill, restart)
OWNERS: set[tuple[int, str]] = set()
"""Every kernel that was started: its number, and when it started, since numbers come again."""


def owner(pid: int) -> tuple[int, str]:
    """Return a process that lives, in a way that tells it from a later one."""
    return pid, _started(pid)


def leftovers() -> Counter[str]:
    """Count what there still is of our kernels, by kind."""
    owners = {(str(pid), started) for pid, started in OWNERS}
    pids = {pid for pid, _ in owners}
    found = [path for path in Path(tempfile.gettempdir()).glob("bun-sandbox-*-*") if path.name.split("-")[2] in pids]
    return Counter(
        containers=sum((owner_of(found).pid, owner_of(found).started) in owners for found in connect().list(LABEL)),
        folders=len(found),
        sockets=sum(len(list(folder.rglob("*.sock"))) for folder in found),
        processes=sum(_started(pid) == started for pid, started in OWNERS),
    )


def _started(pid: int) -> str:
    try:
        return (PROC / str(pid) / "stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def main(cycles: int) -> int:
    """Return the exit status: 1 when anything is left."""
    began = time.monotonic()
    done: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        for way in islice(cycle(WAYS), cycles):
            with kernel(Path(folder)) as notebook:
                OWNERS.add(owner(notebook.pid))
                notebook.print_first("console.log('on it'); while (true) {}")
                way(notebook)
            done[way.__name__] += 1
            print(f"\r{done.total()} of {cycles}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    took = time.monotonic() - began
    eventually(lambda: leftovers().total() == 0, GONE_SECONDS)
    left = leftovers()
    print(f"{len(OWNERS)} kernels in {took:.0f} s; " + ", ".join(f"{way} {count}" for way, count in done.items()))
    print("\n".join(f"{kind:<12}{left[kind]:>6}" for kind in left))
    return int(left.total() > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CYCLES))
