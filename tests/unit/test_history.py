from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from IPython.core.history import HistoryAccessor

from bun_sandbox_kernel.history import Entry, History

LOG = logging.getLogger(__name__)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "history.sqlite"


@asynccontextmanager
async def session(file: Path, *cells: str) -> AsyncIterator[History]:
    """Keep cells as one kernel does, counted from 1."""
    history = History(LOG, file)
    for line, code in enumerate(cells, 1):
        history.record(line, code)
    yield history
    history.close()
    if history._thread is not None:
        history._thread.shutdown()


async def find(history: History, kind: str, **request: Any) -> list[Entry]:
    return await history.find({"hist_access_type": kind, "raw": True, "output": False, **request})


async def test_the_tail_ends_with_the_newest_of_this_kernel(file: Path) -> None:
    async with session(file, "old 1", "old 2") as earlier:
        assert len(await find(earlier, "tail")) == 2
    async with session(file, "new 1", "new 2") as one, session(file, "other") as other:
        assert await find(one, "tail", n=3) == [(1, 2, "old 2"), (2, 1, "new 1"), (2, 2, "new 2")]
        assert [entry[2] for entry in await find(other, "tail", n=2)] == ["new 2", "other"]
        assert [entry[2] for entry in await find(one, "tail", n=2)] == ["new 1", "new 2"]


async def test_without_a_number_the_tail_is_ten(file: Path) -> None:
    async with session(file, *map(str, range(12))) as history:
        assert [entry[2] for entry in await find(history, "tail", n=None)] == list(map(str, range(2, 12)))


async def test_a_range_counts_sessions_from_this_one_or_from_the_first(file: Path) -> None:
    async with session(file, "a", "b", "c"):
        pass
    async with session(file, "d", "e") as history:
        assert await find(history, "range", session=0, start=0, stop=None) == [(2, 1, "d"), (2, 2, "e")]
        assert await find(history, "range", session=2, start=1, stop=2) == [(2, 1, "d")]
        assert await find(history, "range", session=-1, start=2, stop=4) == [(1, 2, "b"), (1, 3, "c")]
        assert await find(history, "range", session=1, start=2) == [(1, 2, "b"), (1, 3, "c")]
        assert await find(history, "range", session=7) == []


async def test_a_search_knows_stars_and_question_marks(file: Path) -> None:
    async with session(file, "let a = 1", "a + 1", "let b = 2", "a + 1", "a - 1") as history:
        assert [entry[1] for entry in await find(history, "search", pattern="let ? = *")] == [1, 3]
        assert [entry[1] for entry in await find(history, "search", pattern="a*", n=2)] == [4, 5]
        assert [entry[1] for entry in await find(history, "search", pattern="a*", unique=True)] == [4, 5]
        assert [entry[1] for entry in await find(history, "search", pattern=None)] == [1, 2, 3, 4, 5]
        assert await find(history, "search", pattern="A*") == []
        assert await find(history, "search", pattern="a - ?", output=True) == [(1, 5, ("a - 1", None))]


REQUESTS: list[dict[str, Any]] = [
    {"pattern": "*"},
    {"pattern": "*", "unique": True},
    {"pattern": "*", "unique": True, "n": 3},
    {"pattern": "?", "n": 2},
    {"pattern": "[ab]*"},
]


@pytest.mark.parametrize("request_", REQUESTS)
async def test_ipython_reads_the_file_alike(file: Path, request_: dict[str, Any]) -> None:
    async with session(file, "a", "bb", "a", "c"):
        pass
    async with session(file, "c", "a", "üß") as history:
        ours = await find(history, "search", **request_)
        tail = await find(history, "tail", n=4)
        first = await find(history, "range", session=1, start=2, stop=4)
    with HistoryAccessor(hist_file=str(file)) as ipython:
        assert list(ipython.search(**request_)) == ours
        assert list(ipython.get_tail(4, include_latest=True)) == tail
        assert list(ipython.get_range(1, 2, 4)) == first


async def test_nothing_is_opened_before_it_is_needed(file: Path) -> None:
    async with session(file):
        await asyncio.sleep(0.01)
    assert not file.parent.exists()


async def test_a_cell_is_written_a_little_later(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bun_sandbox_kernel.history._DELAY_SECONDS", 0.01)
    async with session(file, "early"):
        for _ in range(200):
            await asyncio.sleep(0.01)
            if _cells(file) == ["early"]:
                return
    pytest.fail("it was not written")


def _cells(file: Path) -> list[str]:
    with _opened(file) as database:
        try:
            return [code for (code,) in database.execute("SELECT source_raw FROM history")]
        except sqlite3.OperationalError:
            return []


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    file.parent.mkdir(exist_ok=True)
    database = sqlite3.connect(file)
    try:
        yield database
    finally:
        database.close()


@pytest.mark.parametrize("fault", ["a folder", "not a database", "locked", "nowhere"])
async def test_where_the_file_cannot_be_used_it_lives_in_memory(
    file: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bun_sandbox_kernel.history._LOCK_SECONDS", 0.01)
    with _faulty(file, fault) as unusable:
        async with session(unusable, "a", "b") as history:
            assert await find(history, "tail") == [(1, 1, "a"), (1, 2, "b")]


@contextmanager
def _faulty(file: Path, fault: str) -> Iterator[Path]:
    file.parent.mkdir()
    match fault:
        case "a folder":
            file.mkdir()
            yield file
        case "not a database":
            file.write_bytes(b"no database at all" * 100)
            yield file
        case "locked":
            with _opened(file) as locker:
                locker.execute("BEGIN EXCLUSIVE")
                yield file
        case _:
            yield Path("/proc/nowhere/history.sqlite")


async def test_a_full_disk_costs_a_line_and_no_more(file: Path) -> None:
    async with session(file, "before") as history:
        await find(history, "tail")
        database, _ = await asyncio.wrap_future(history._thread.submit(lambda: history._open))  # type: ignore[union-attr]
        await asyncio.wrap_future(
            history._thread.submit(lambda: database.execute("PRAGMA max_page_count = 1").fetchall())  # type: ignore[union-attr]
        )
        history.record(2, "x" * 1_000_000)
        assert await find(history, "tail") == [(1, 1, "before")]
        history.record(3, "after")
        assert await find(history, "tail") == [(1, 1, "before"), (1, 3, "after")]


@pytest.mark.parametrize(
    "request_",
    [{}, {"n": "many"}, {"hist_access_type": "range", "session": "x"}, {"hist_access_type": "search", "n": []}],
)
async def test_a_strange_request_is_answered(file: Path, request_: dict[str, Any]) -> None:
    async with session(file, "a") as history:
        assert await history.find(request_) in ([], [(1, 1, "a")])


async def test_half_a_character_is_kept_as_well_as_it_can_be(file: Path) -> None:
    async with session(file, "a\ud800b") as history:
        assert await find(history, "tail") == [(1, 1, "a?b")]


async def test_after_the_end_nothing_breaks(file: Path) -> None:
    async with session(file, "a") as history:
        pass
    history.record(2, "b")
    assert await find(history, "tail") == []
