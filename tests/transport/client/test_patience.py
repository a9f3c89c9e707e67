"""Slow upstreams: each limit is kept to within the sweep's step, and only the upstream's own time counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest

from tests.transport.client.test_framing import CHUNKED
from tests.transport.client.upstreams import ASK, OK, Line, answering, ask, pooled, read_all, turns, until, upstream
from weighbridge.errors import UpstreamTimeout
from weighbridge.transport.deadlines import EVERY

LIMIT = 0.3
LATE = 3
"""Seconds a busy machine may add."""


@asynccontextmanager
async def taking(seconds: float) -> AsyncIterator[None]:
    """The block takes `seconds`, and at most a step of the sweep more."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    yield
    assert seconds <= loop.time() - start <= seconds + EVERY + LATE


async def dripping(line: Line, piece: bytes) -> None:
    """Say `piece` over and over, often enough to never be silent, until the client leaves."""
    while True:
        await line.say(piece)
        await asyncio.sleep(0.02)


async def test_an_upstream_that_says_nothing_is_left() -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.left()

    async with upstream(script) as server, pooled(server.origin, first_byte=LIMIT) as pool:
        async with taking(LIMIT):
            with pytest.raises(UpstreamTimeout, match=r"the upstream did not answer within 0\.3 s"):
                await ask(pool)
        await turns()
        assert (server.asked, server.abandoned) == (1, 1)


@pytest.mark.parametrize("drip", [b"X: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_an_upstream_that_drips_its_head_is_left(drip: bytes) -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(b"HTTP/1.1 200 OK\r\n" if drip.startswith(b"X") else b"")
        await dripping(line, drip)

    async with upstream(script) as server, pooled(server.origin, first_byte=LIMIT) as pool:
        async with taking(LIMIT):
            with pytest.raises(UpstreamTimeout, match="did not answer within"):
                await ask(pool)
        await until(lambda: not server.tasks)


@pytest.mark.parametrize("head", [CHUNKED + b"2\r\nok\r\n", b"HTTP/1.0 200 OK\r\n\r\nok"])
async def test_an_upstream_that_goes_silent_in_its_body_is_left_and_its_answer_not_called_whole(head: bytes) -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(head)
        await line.left()

    async with upstream(script) as server, pooled(server.origin, idle=LIMIT) as pool:
        with closing(await pool.exchange([ASK])) as answer:
            assert await answer.read() == b"ok"
            async with taking(LIMIT):
                with pytest.raises(UpstreamTimeout, match=r"the upstream went silent in .* its answer for 0\.3 s"):
                    await answer.read()
            assert not answer.complete
        await turns()
        assert server.abandoned == 1


async def test_a_slow_body_that_goes_on_is_waited_for() -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(CHUNKED)
        for _ in range(5):
            await asyncio.sleep(LIMIT / 2)
            await line.say(b"1\r\n.\r\n")
        await line.say(b"0\r\n\r\n")

    async with upstream(script) as server, pooled(server.origin, first_byte=LIMIT, idle=LIMIT + EVERY) as pool:
        assert await ask(pool) == (200, b".....")


async def test_a_slow_reader_is_not_the_upstream_s_silence() -> None:
    body = b"x" * 3_000_000

    async def script(line: Line) -> None:
        await line.question()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    async with upstream(script) as server, pooled(server.origin, idle=0.1) as pool:
        with closing(await pool.exchange([ASK])) as answer:
            await asyncio.sleep(0.1 + 2 * EVERY)
            assert await read_all(answer) == body


async def test_a_whole_answer_may_be_read_at_leisure_and_its_connection_is_kept() -> None:
    async with upstream(answering(OK)) as server, pooled(server.origin, idle=0.05, first_byte=0.05) as pool:
        with closing(await pool.exchange([ASK])) as answer:
            await asyncio.sleep(2 * EVERY)
            assert await read_all(answer) == b"ok"
        assert len(pool._resting) == 1
