"""A caller that leaves: at every await the upstream is closed within a few turns of the loop, and no count is lost."""

import asyncio
from contextlib import closing
from itertools import count

import pytest
import trustme

from tests.transport.client.test_framing import CHUNKED
from tests.transport.client.upstreams import (
    ASK,
    OK,
    Line,
    answering,
    ask,
    cancelled,
    full_backlog,
    pooled,
    read_all,
    serving,
    silent,
    trusting,
    turns,
    until,
    upstream,
)
from weighbridge.transport.client import Pool


async def streaming(line: Line) -> None:
    await line.question()
    await line.say(CHUNKED + b"2\r\nok\r\n")
    await line.left()


async def test_while_waiting_for_the_head() -> None:
    async with upstream(silent) as server, pooled(server.origin) as pool:
        task = asyncio.create_task(pool.exchange([ASK]))
        await until(lambda: server.asked == 1)
        await cancelled(task)
        await turns()
        assert (pool._open, server.abandoned) == (0, 1)


async def test_while_reading() -> None:
    async def relay(pool: Pool) -> None:
        with closing(await pool.exchange([ASK])) as answer:
            await read_all(answer)

    async with upstream(streaming) as server, pooled(server.origin) as pool:
        task = asyncio.create_task(relay(pool))
        await until(lambda: server.asked == 1)
        await turns(10)
        await cancelled(task)
        await turns()
        assert (pool._open, server.abandoned) == (0, 1)


async def test_while_the_request_is_being_sent() -> None:
    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        await line.left()

    go_on = asyncio.Event()
    size = 16 * 1024 * 1024
    async with upstream(script) as server, pooled(server.origin) as pool:
        task = asyncio.create_task(
            pool.exchange([b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size, bytes(size)])
        )
        await until(lambda: server.accepted == 1)
        await turns(10)
        await cancelled(task)
        await turns()
        assert pool._open == 0
        go_on.set()
        await until(lambda: server.abandoned == 1)


async def test_while_connecting() -> None:
    with full_backlog() as origin:
        async with pooled(origin) as pool:
            task = asyncio.create_task(pool.exchange([ASK]))
            await turns(10)
            assert pool._open == 1
            await cancelled(task)
            assert pool._open == 0


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_after_any_number_of_turns(secure: bool, authority: trustme.CA) -> None:
    """Name, connection, head, body: wherever the task stands after so many turns, it leaves nothing."""

    async def relay(pool: Pool) -> None:
        with closing(await pool.exchange([ASK])) as answer:
            await read_all(answer)

    script, ours = (
        answering(OK[:20], OK[20:-1], OK[-1:]),
        serving(authority.issue_cert("localhost")) if secure else None,
    )
    async with upstream(script, tls=ours) as server, pooled(server.origin, tls=trusting(authority)) as pool:
        for number in count():
            task = asyncio.create_task(relay(pool))
            await turns(number)
            if not task.cancel():
                break
            with pytest.raises(asyncio.CancelledError):
                await task
            await at_rest(pool)
            pool.close()
            pool._closed = False
            await turns()
        assert number > 8
        assert await ask(pool) == (200, b"ok")
        await until(lambda: len(server.tasks) == pool._open)


async def test_after_any_number_of_turns_on_a_connection_that_breaks_as_it_is_used_again() -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(OK)
        await line.question()

    async with upstream(script) as server, pooled(server.origin) as pool:
        for number in count():
            await ask(pool)
            task = asyncio.create_task(ask(pool))
            await turns(number)
            if not task.cancel():
                break
            with pytest.raises(asyncio.CancelledError):
                await task
            await at_rest(pool)
        assert number > 4


async def at_rest(pool: Pool) -> None:
    """Wait until every connection that counts, or has a deadline, is one at rest."""
    await until(lambda: pool._open == len(pool._resting) == len(pool.deadlines._watched))
