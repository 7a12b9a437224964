"""Outputs go out as fast as a server and a browser take them, and no faster."""

import json

from bun_sandbox_kernel.pace import Pace
from bun_sandbox_kernel.wire import Clear, Display, Output, Stream

SERVER_WINDOW_SECONDS = 3
SERVER_BYTES = 1_000_000 * SERVER_WINDOW_SECONDS
SERVER_MESSAGES = 1000 * SERVER_WINDOW_SECONDS


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def sent(output: Output, seconds: float) -> list[float]:
    """Send one output again and again as soon as it may go out; return the times."""
    clock, times = Clock(), list[float]()
    pace = Pace(served=True, clock=clock)
    while True:
        clock.now += pace.seconds(output) + 1e-6
        if clock.now > 100 + seconds:
            return times
        pace.spend(output)
        times.append(clock.now)


def most_in_a_window(times: list[float]) -> int:
    return max(sum(start <= time < start + SERVER_WINDOW_SECONDS for time in times) for start in times)


def test_no_window_of_the_server_gets_more_text_than_it_takes() -> None:
    line = Stream("stdout", "x\n" * 50_000)
    assert most_in_a_window(sent(line, 12)) * len(json.dumps(line.text)) < SERVER_BYTES


def test_escapes_count_as_what_they_take_on_the_wire() -> None:
    bells = Stream("stdout", "\x07" * 50_000)
    assert most_in_a_window(sent(bells, 12)) * len(json.dumps(bells.text)) < SERVER_BYTES


def test_no_window_of_the_server_gets_more_messages_than_it_takes() -> None:
    tiny = Display({"text/plain": "1"}, {}, None, update=False)
    assert most_in_a_window(sent(tiny, 12)) < SERVER_MESSAGES


def test_text_larger_than_the_bucket_goes_out_too() -> None:
    assert len(sent(Stream("stdout", "x" * 5_000_000), 30)) >= 2


def test_the_first_hundred_thousand_bytes_wait_for_nothing() -> None:
    pace, line = Pace(served=True, clock=Clock()), Stream("stdout", "x" * 99)
    for _ in range(1000):
        assert pace.unhurried_seconds(line) == 0
        pace.spend(line)


def test_the_longer_a_cell_has_printed_the_rarer_is_more_text() -> None:
    pace, line = Pace(served=True, clock=Clock()), Stream("stdout", "x\n" * 100_000)
    waits = []
    for _ in range(3):
        pace.spend(line)
        waits.append(pace.unhurried_seconds(Stream("stdout", "x")))
    assert 0 < waits[0] < waits[1] < waits[2]
    assert pace.seconds(Stream("stdout", "x")) == 0


def test_what_was_cleared_is_not_rendered_again() -> None:
    pace = Pace(served=True, clock=Clock())
    pace.spend(Stream("stdout", "x\n" * 100_000))
    pace.spend(Clear(wait=False))
    assert pace.unhurried_seconds(Stream("stdout", "x")) == 0


def test_a_new_cell_begins_anew() -> None:
    pace, line = Pace(served=True, clock=Clock()), Stream("stdout", "x" * 1_500_000)
    pace.spend(line)
    assert pace.seconds(line) > 0
    pace.restart()
    assert pace.seconds(line) == 0


def test_a_client_without_a_server_gets_everything_at_once() -> None:
    pace, line = Pace(served=False, clock=Clock()), Stream("stdout", "x\n" * 1_000_000)
    for _ in range(10):
        pace.spend(line)
    assert pace.seconds(line) == pace.unhurried_seconds(line) == 0
