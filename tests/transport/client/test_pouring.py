"""An answer poured into a sink: each piece the moment it comes, the task woken only at the end."""

import asyncio
from contextlib import closing

import pytest

from tests.transport.client.upstreams import ASK, Line, pooled, turns, until, upstream
from weighbridge.errors import UpstreamError

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECES = [b"%d" % number for number in range(20)]


class Cup(list[bytes]):
    """A sink that takes all."""

    def __call__(self, data: bytes) -> bool:
        self.append(data)
        return True


def chunk(piece: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def whole(line: Line) -> None:
    """An answer in twenty packets."""
    await line.question()
    await line.say(HEAD, *map(chunk, PIECES), b"0\r\n\r\n")


async def broken(line: Line) -> None:
    """An answer that is cut off after three pieces."""
    await line.question()
    await line.say(HEAD, *map(chunk, PIECES[:3]))


async def garbled(line: Line) -> None:
    """A good piece and what is no chunk, in one packet."""
    await line.question()
    await line.say(HEAD + chunk(b"good") + b"this is no length\r\n")


async def test_everything_is_poured_in_order_and_the_connection_is_kept() -> None:
    got = Cup()
    async with upstream(whole) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as answer:
            assert await answer.pour(got)
            assert answer.complete
        assert b"".join(got) == b"".join(PIECES)
        assert len(pool._resting) == 1


async def test_a_sink_that_has_enough_stops_the_pouring_and_nothing_is_lost() -> None:
    got: list[bytes] = []

    def one(data: bytes) -> bool:
        got.append(data)
        return False

    async with upstream(whole) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as answer:
            stops = 0
            while not await answer.pour(one):
                stops += 1
                await turns(3)
        assert b"".join(got) == b"".join(PIECES)
        assert stops == len(got)


async def test_what_came_before_a_break_is_poured_before_it_is_raised() -> None:
    for script, before in ((broken, b"012"), (garbled, b"good")):
        got = Cup()
        async with upstream(script) as server, pooled(server.origin) as pool:
            with closing(await pool.exchange([ASK])) as answer, pytest.raises(UpstreamError):
                await answer.pour(got)
            assert b"".join(got) == before


async def test_a_fault_of_the_sink_is_raised_where_the_reader_waits_and_closes_the_upstream() -> None:
    seen: list[bytes] = []

    def faulty(data: bytes) -> bool:
        seen.append(data)
        if len(seen) == 2:
            raise ZeroDivisionError
        return True

    async with upstream(whole) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as answer, pytest.raises(ZeroDivisionError):
            await answer.pour(faulty)
        assert len(seen) == 2
        assert pool._open == 0


async def test_a_task_cancelled_while_it_pours_takes_the_sink_with_it() -> None:
    got = Cup()

    async def endless(line: Line) -> None:
        await line.question()
        await line.say(HEAD)
        while True:
            await line.say(chunk(b"more"))

    async with upstream(endless) as server, pooled(server.origin) as pool:
        answer = await pool.exchange([ASK])
        task = asyncio.ensure_future(answer.pour(got))
        await until(lambda: bool(got))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        poured = len(got)
        await turns(20)
        assert len(got) == poured
        answer.close()
