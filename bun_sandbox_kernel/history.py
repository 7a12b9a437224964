"""The cells of this user's kernels, kept as IPython keeps its own: the same tables, in a file of ours.

Law: no cell waits for it, and nothing that goes wrong here is seen by one. It lives in a thread of its own, and where
the file cannot be used it lives in memory.

IPython's HistoryManager is not used, since it belongs to a shell, calls the running session 0, and takes a lock or a
full disk for a corrupt file, which it moves away. Its HistoryAccessor reads what is written here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from jupyter_core.paths import jupyter_data_dir

if TYPE_CHECKING:
    import sqlite3  # 2 ms, which the start of a kernel does not pay

_T = TypeVar("_T")
Entry: TypeAlias = tuple[int, int, str | tuple[str, None]]
"""Session, line, and the code; with ``output`` the code and its output, which like in IPython nobody keeps."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS sessions
       (session integer primary key autoincrement, start timestamp, end timestamp, num_cmds integer, remark text)""",
    """CREATE TABLE IF NOT EXISTS history
       (session integer, line integer, source text, source_raw text, PRIMARY KEY (session, line))""",
)
_DELAY_SECONDS = 1.0
"""Writing at once would take half a millisecond from a cell that takes three."""
_LOCK_SECONDS = 1.0
"""Another kernel holds the file for milliseconds; who holds it longer will not let go."""
_TAIL = 10
_ALL = -1
_AGE = "(session << 32 | line)"


class History:
    """What was run in this kernel and in earlier ones. Belongs to one event loop."""

    def __init__(self, log: Logger, file: Path | None = None) -> None:
        """Nothing is opened before the first use; without a file it is the user's own."""
        self._log = log
        self._file = file
        self._unwritten: list[tuple[int, str]] = []
        self._thread: ThreadPoolExecutor | None = None

    def record(self, line: int, code: str) -> None:
        """Keep a cell; it is written a little later, or by the next ``find``."""
        if not self._unwritten:
            asyncio.get_running_loop().call_later(_DELAY_SECONDS, self._flush)
        self._unwritten.append((line, code))

    async def find(self, request: Mapping[str, Any]) -> list[Entry]:
        """Return what a ``history_request`` asks for, and nothing where it cannot be read."""
        self._flush()
        found = self._submit(self._read, request)
        return [] if found is None else await asyncio.wrap_future(found)

    def close(self) -> None:
        """Write what is left; the interpreter waits for that at its exit."""
        self._flush()
        if self._thread is not None:
            self._submit(self._end)
            self._thread.shutdown(wait=False)

    def _flush(self) -> None:
        cells, self._unwritten = self._unwritten, []
        if cells:
            self._submit(self._write, cells)

    def _submit(self, work: Callable[..., _T], *arguments: object) -> Future[_T] | None:
        """Start the work; None when there is no thread to be had, as after the end."""
        self._thread = self._thread or ThreadPoolExecutor(1, "history")
        try:
            return self._thread.submit(work, *arguments)
        except RuntimeError:
            return None

    # -- in the thread ---------------------------------------------------------------------------------------------

    @cached_property
    def _open(self) -> tuple[sqlite3.Connection, int]:
        """Return the database and the number of this kernel's session in it."""
        try:
            file = self._file or Path(jupyter_data_dir(), "bun_sandbox", "history.sqlite")
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _connect(str(file))
        except Exception as error:
            self._log.warning("The history is kept in memory, since its file cannot be used: %s", error)
            return _connect(":memory:")

    def _write(self, cells: list[tuple[int, str]]) -> None:
        try:
            database, session = self._open
            with database:
                for line, code in cells:
                    text = code.encode("utf-8", "replace").decode("utf-8")
                    database.execute("INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?)", (session, line, text, text))
        except Exception as error:
            self._log.warning("%d cells are missing from the history: %s", len(cells), error)

    def _read(self, request: Mapping[str, Any]) -> list[Entry]:
        try:
            database, session = self._open
            rows: list[tuple[int, int, str]] = database.execute(*_select(request, session)).fetchall()
        except Exception as error:
            self._log.warning("The history cannot be read: %s", error)
            return []
        if request.get("hist_access_type") != "range":
            rows.reverse()
        return [(number, line, (code, None) if request.get("output") else code) for number, line, code, *_ in rows]

    def _end(self) -> None:
        try:
            self._open[0].close()
        except Exception as error:
            self._log.warning("The history could not be closed: %s", error)


def _connect(file: str) -> tuple[sqlite3.Connection, int]:
    import sqlite3

    database = sqlite3.connect(file, timeout=_LOCK_SECONDS)
    try:
        with database:
            for table in _TABLES:
                database.execute(table)
            now = datetime.now().astimezone().isoformat(" ")
            session = database.execute("INSERT INTO sessions VALUES (NULL, ?, NULL, NULL, '')", (now,)).lastrowid
    except BaseException:
        database.close()
        raise
    return database, session or 0


def _select(request: Mapping[str, Any], current: int) -> tuple[str, tuple[Any, ...]]:
    """Return the query for a ``history_request``, the newest first unless it asks for a range."""
    limit = request.get("n")
    columns = "session, line, source_raw"
    match request.get("hist_access_type"):
        case "range":
            session, start, stop = request.get("session") or 0, request.get("start") or 0, request.get("stop")
            which = "WHERE session = ? AND line >= ? AND (? OR line < ?) ORDER BY line"
            values: tuple[Any, ...] = (session if session > 0 else current + session, start, not stop, stop)
        case "search":
            which, values = "WHERE source_raw GLOB ?", (request.get("pattern") or "*", _ALL if limit is None else limit)
            if request.get("unique"):
                columns, which = f"{columns}, MAX({_AGE})", f"{which} GROUP BY source_raw"
            which = f"{which} ORDER BY {_AGE} DESC LIMIT ?"
        case _:
            which, values = (
                f"ORDER BY session = ? DESC, {_AGE} DESC LIMIT ?",
                (current, _TAIL if limit is None else limit),
            )
    return f"SELECT {columns} FROM history {which}", values  # noqa: S608  (texts of this file)
