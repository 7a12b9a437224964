"""Which processes belong to a kernel and how much memory each holds, from /proc and the docker command. Linux only.

Memory is the proportional set size (PSS): private pages, plus each shared page divided by the number of processes that
map it, so that sums are true. See `smaps_rollup` in https://docs.kernel.org/filesystems/proc.html.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

OWNER_LABEL = "io.bun-sandbox.owner-pid"
PROC = Path("/proc")


class Unmeasurable(Exception):
    """The machine or the user cannot take the measure; the message says what would help."""


def container_ids(kernel_pid: int) -> list[str]:
    """The containers that say they belong to this kernel; none if there is no Docker to ask."""
    return _docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={OWNER_LABEL}={kernel_pid}")


def container_pids(container_id: str) -> set[int]:
    """The processes inside a container, by their numbers on this host."""
    return {int(word) for word in _docker("top", container_id, "-o", "pid") if word.isdigit()}


def descendant_pids(pid: int) -> set[int]:
    """The children of a process, their children and so on; the process itself is not among them."""
    parents = _parents()
    found: set[int] = set()
    generation = {pid}
    while generation := {child for child, parent in parents.items() if parent in generation}:
        found |= generation
    return found


def shim_pids(pids: set[int]) -> set[int]:
    """The containerd-shim processes that are the parents of these container processes."""
    parents = _parents()
    outer = {parents[pid] for pid in pids if pid in parents} - pids
    return {pid for pid in outer if _read(pid, "comm").startswith("containerd-shim")}


def pss_bytes(pids: set[int]) -> int:
    """The proportional set size of these processes together, in bytes; one that just ended counts nothing.

    Raises:
        Unmeasurable: another user's memory may not be read; run as root.
    """
    rollups = (_read(pid, "smaps_rollup") for pid in pids)
    kibibytes = (int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:"))
    return 1024 * sum(kibibytes)


def _parents() -> dict[int, int]:
    """The parent of every process of this machine."""
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    # The name, in parentheses, may hold anything, parentheses too; after it come the state and the parent.
    stats = ((pid, _read(pid, "stat").rpartition(")")[2].split()) for pid in pids)
    return {pid: int(fields[1]) for pid, fields in stats if fields}


def _read(pid: int, file: str) -> str:
    """The text of /proc/<pid>/<file>, empty if the process is gone."""
    try:
        return (PROC / str(pid) / file).read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    except PermissionError as error:
        raise Unmeasurable(f"may not read the memory of process {pid}, another user's: run as root") from error


def _docker(*arguments: str) -> list[str]:
    """The words `docker …` prints, none if it fails or is not installed."""
    if shutil.which("docker") is None:
        return []
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout.split()
