"""Keeping connections: what may be used again, what may be sent again, and what is left over."""

import asyncio
import gc
import socket
from contextlib import closing

import pytest

from tests.transport.client.upstreams import (
    ASK,
    OK,
    Line,
    Script,
    answering,
    answering_once,
    ask,
    pooled,
    read_all,
    turns,
    until,
    upstream,
)
from weighbridge.errors import UpstreamError
from weighbridge.transport.client import _MOMENT, Connection


async def test_a_thousand_exchanges_leave_one_connection_and_nothing_else() -> None:
    async with upstream(answering(OK)) as server, pooled(server.origin) as pool:
        for _ in range(1000):
            assert await ask(pool) == (200, b"ok")
        assert (server.accepted, server.asked) == (1, 1000)
        assert (pool._open, len(pool._resting), len(pool.deadlines._watched)) == (1, 1, 1)


async def test_connections_that_end_with_their_answer_leave_nothing() -> None:
    async with upstream(answering_once(OK)) as server, pooled(server.origin) as pool:
        for _ in range(200):
            assert await ask(pool) == (200, b"ok")
            await until(lambda: pool._open == 0)
        gc.collect()
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Connection)]
        assert not pool.deadlines._watched


async def test_the_connection_used_last_is_used_next_and_nagle_is_off() -> None:
    async with upstream(answering(OK)) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as one, closing(await pool.exchange([ASK])) as two:
            await read_all(one)
            await read_all(two)
        last = list(pool._resting)[-1]
        with closing(await pool.exchange([ASK])):
            assert last not in pool._resting
            wire = last._transport.get_extra_info("socket")
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert server.accepted == 2


async def test_an_unread_answer_can_be_closed_and_its_connection_kept() -> None:
    async with upstream(answering(OK)) as server, pooled(server.origin) as pool:
        for _ in range(3):
            (await pool.exchange([ASK])).close()
        assert await ask(pool) == (200, b"ok")
        assert server.accepted == 1


async def test_closing_twice_does_not_touch_the_connection_s_next_exchange() -> None:
    async with upstream(answering(OK[:-1], OK[-1:])) as server, pooled(server.origin) as pool:
        first = await pool.exchange([ASK])
        await read_all(first)
        first.close()
        with closing(await pool.exchange([ASK])) as second:
            first.close()
            assert first.complete
            with pytest.raises(RuntimeError, match="read after close"):
                await first.read()
            assert await read_all(second) == b"ok"
        assert server.accepted == 1


async def test_a_connection_the_upstream_closed_at_rest_is_forgotten() -> None:
    async with upstream(answering_once(OK)) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        await until(lambda: not pool._resting)
        assert pool._open == 0
        assert await ask(pool) == (200, b"ok")
        assert (server.accepted, server.asked) == (2, 2)


async def test_an_end_that_lies_unread_in_the_socket_is_seen_before_the_request_is_sent() -> None:
    received = 0

    async def script(line: Line) -> None:
        nonlocal received
        while await line.question():
            received += 1
            await line.say(OK)

    async with upstream(script) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        await asyncio.sleep(2 * _MOMENT)
        with socket.socket(fileno=socket.dup(server.lines[0].descriptor)) as end:
            end.shutdown(socket.SHUT_WR)  # past the loop: the client has had no turn to hear of it
        assert await ask(pool) == (200, b"ok")
        assert (server.accepted, received) == (2, 2)


def closing_on_the_second(*, after: bytes = b"", reset: bool = False) -> Script:
    """Answers each connection's first question; closes on its second, having sent `after`."""

    async def script(line: Line) -> None:
        await line.question()
        await line.say(OK)
        await line.question()
        await line.say(after)
        if reset:
            line.reset()

    return script


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_closed_as_we_ask_again_is_replaced_once(reset: bool) -> None:
    async with upstream(closing_on_the_second(reset=reset)) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        assert await ask(pool) == (200, b"ok")
        assert (server.accepted, server.asked) == (2, 3)


async def test_a_request_is_sent_twice_at_most() -> None:
    async def script(line: Line) -> None:
        await line.question()
        if line.number <= 2:
            await line.say(OK)
            await line.question()

    async with upstream(script) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as one, closing(await pool.exchange([ASK])) as two:
            await read_all(one)
            await read_all(two)
        before = server.asked
        with pytest.raises(UpstreamError, match="the upstream closed the connection without an answer"):
            await ask(pool)
        assert server.asked - before == 2
        assert server.accepted == 3


@pytest.mark.parametrize("after", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_nothing_is_sent_again_once_a_byte_of_an_answer_came(after: bytes) -> None:
    async with upstream(closing_on_the_second(after=after)) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        with pytest.raises(UpstreamError, match="in the middle of its answer"):
            await ask(pool)
        assert (server.accepted, server.asked) == (1, 2)


async def test_nothing_is_sent_again_on_a_connection_that_was_new() -> None:
    async def script(line: Line) -> None:
        await line.question()

    async with upstream(script) as server, pooled(server.origin) as pool:
        with pytest.raises(UpstreamError):
            await ask(pool)
        assert server.asked == 1


async def test_many_connections_gone_stale_at_once_are_all_replaced() -> None:
    async with upstream(answering(OK)) as server, pooled(server.origin, limit=20) as pool:
        for _ in range(3):
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(ask(pool)) for _ in range(50)]
            assert {task.result() for task in asked} == {(200, b"ok")}
            for line in server.lines:
                line.writer.transport.abort()
        assert server.accepted <= 60


async def test_a_closed_pool_keeps_nothing() -> None:
    async with upstream(answering(OK)) as server, pooled(server.origin) as pool:
        await ask(pool)
        with closing(await pool.exchange([ASK])) as answer:
            pool.close()
            assert await read_all(answer) == b"ok"
        await turns()
        assert (pool._open, len(pool._resting)) == (0, 0)


async def test_a_connection_unused_for_too_long_is_closed() -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(OK)
        await line.left()

    async with upstream(script) as server, pooled(server.origin, keep_alive=0.01) as pool:
        await ask(pool)
        assert pool._open == 1
        await until(lambda: server.abandoned == 1)
        assert pool._open == 0


async def test_a_connection_the_upstream_said_it_would_close_is_closed_by_us_if_it_does_not() -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await line.left()

    async with upstream(script) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        await until(lambda: server.abandoned == 1)
        assert pool._open == 0
