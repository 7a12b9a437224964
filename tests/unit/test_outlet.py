"""A cell's outputs go out in order, and what waits when it is stopped is counted."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from bun_sandbox_kernel.outlet import Outlet
from bun_sandbox_kernel.pace import BURST_BYTES, Pace
from bun_sandbox_kernel.wire import Display, End, Error, Output, Stream

CHUNK = "x\n" * 100_000
OK = End("ok", "kept", "", None, 1, 1, 1, 1, 0)
STOPPED = End("interrupted", "kept", "the cell was interrupted", None, 1, 1, 1, 1, 7)


def shown(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 30))


def text(outputs: list[Output], name: str = "stdout") -> str:
    return "".join(output.text for output in outputs if isinstance(output, Stream) and output.name == name)


def test_all_that_a_program_prints_is_shown_when_it_ends() -> None:
    async def body() -> None:
        outputs: list[Output] = []
        outlet = Outlet(Pace(served=True), outputs.append)
        lines = [f"line {number}\n" * 1000 for number in range(100)]
        for line in lines:
            await outlet.put(Stream("stdout", line))
        await outlet.finish(OK)
        assert text(outputs) == "".join(lines)
        assert len(outputs) < len(lines)

    shown(body())


def test_streams_and_displays_keep_their_order() -> None:
    async def body() -> None:
        outputs: list[Output] = []
        outlet = Outlet(Pace(served=True), outputs.append)
        await outlet.put(Stream("stdout", CHUNK))
        await outlet.put(Stream("stdout", "one"))
        await outlet.put(Display({"text/plain": "two"}, {}, None, update=False))
        await outlet.put(Stream("stdout", "three"))
        await outlet.put(Stream("stderr", "four"))
        assert len(outputs) == 1
        await outlet.flush()
        said = [output.text if isinstance(output, Stream) else output for output in outputs[1:]]
        assert said == ["one", Display({"text/plain": "two"}, {}, None, update=False), "three", "four"]

    shown(body())


def test_a_stop_leaves_out_what_waits_and_says_how_much() -> None:
    async def body() -> None:
        outputs: list[Output] = []
        outlet = Outlet(Pace(served=True), outputs.append)
        for _ in range(20):
            await outlet.put(Stream("stdout", CHUNK))
        outlet.stop()
        await outlet.put(Stream("stdout", CHUNK))
        await outlet.put(Error("Error", "told", ()))
        await outlet.finish(STOPPED)
        assert BURST_BYTES / 2 < len(text(outputs)) <= BURST_BYTES
        assert Error("Error", "told", ()) in outputs
        sizes = [int(word) for word in text(outputs, "stderr").split() if word.isdigit()]
        left_out = 21 * len(CHUNK) - len(text(outputs))
        assert left_out < sizes[0] < left_out * 2

    shown(body())


def test_a_stop_ends_the_wait_for_the_rest() -> None:
    async def body() -> None:
        outlet = Outlet(Pace(served=True), lambda _: None)
        for _ in range(100):
            await outlet.put(Stream("stdout", CHUNK))
        finishing = asyncio.ensure_future(outlet.finish(OK))
        await asyncio.sleep(0.01)
        assert not finishing.done()
        outlet.stop()
        await asyncio.wait_for(finishing, 1)

    shown(body())


def test_nothing_is_said_of_a_stop_that_left_nothing_out() -> None:
    async def body() -> None:
        outputs: list[Output] = []
        outlet = Outlet(Pace(served=True), outputs.append)
        await outlet.put(Stream("stdout", "all"))
        outlet.stop()
        await outlet.finish(STOPPED)
        assert outputs == [Stream("stdout", "all")]

    shown(body())
