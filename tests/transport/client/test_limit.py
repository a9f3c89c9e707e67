"""As many connections as the limit allows: who has to wait gets the next one free, in order."""

import asyncio
from contextlib import closing

import pytest

from tests.transport.client.upstreams import (
    ASK,
    OK,
    Line,
    answering,
    ask,
    cancelled,
    pooled,
    read_all,
    silent,
    turns,
    until,
    upstream,
)
from weighbridge.errors import UpstreamTimeout
from weighbridge.transport.client import Connection, Pool


async def test_who_waits_for_a_turn_can_leave() -> None:
    async with upstream(silent) as server, pooled(server.origin, limit=1) as pool:
        first = asyncio.create_task(pool.exchange([ASK]))
        await until(lambda: server.asked == 1)
        second = asyncio.create_task(pool.exchange([ASK]))
        third = asyncio.create_task(pool.exchange([ASK]))
        await turns()
        await cancelled(second)
        assert (pool._open, len(pool._queue)) == (1, 1)
        await cancelled(first)
        await until(lambda: server.asked == 2)
        await cancelled(third)


@pytest.mark.parametrize("whole", [True, False])
async def test_at_the_moment_a_turn_comes_it_goes_to_the_next(whole: bool) -> None:
    async def script(line: Line) -> None:
        while await line.question():
            await line.say(OK if whole or line.number > 1 else OK[:-1])

    async with upstream(script) as server, pooled(server.origin, limit=1) as pool:
        answer = await pool.exchange([ASK])
        second, third = [asyncio.create_task(ask(pool)) for _ in range(2)]
        await turns()
        answer.close()
        while len(pool._queue) == 2:  # a kept connection is handed on at once, a closed one's place when it is gone
            await turns(1)
        await cancelled(second)
        assert await third == (200, b"ok")
        assert server.accepted == (1 if whole else 2)


async def test_a_turn_that_does_not_come_is_a_timeout_that_says_what_to_raise() -> None:
    async with upstream(silent) as server, pooled(server.origin, limit=1, connect=0.05) as pool:
        first = asyncio.create_task(pool.exchange([ASK]))
        await until(lambda: server.asked == 1)
        with pytest.raises(UpstreamTimeout, match=r"all 1 connections to the upstream are busy; raise upstream\."):
            await pool.exchange([ASK])
        assert (pool._open, len(pool._queue)) == (1, 0)
        await cancelled(first)


async def test_no_more_connections_than_the_limit_and_turns_in_order() -> None:
    order: list[int] = []
    most = 0

    async def turn(pool: Pool, number: int) -> None:
        nonlocal most
        with closing(await pool.exchange([ASK])) as answer:
            order.append(number)
            most = max(most, pool._open)
            await read_all(answer)

    async with upstream(answering(OK[:-1], OK[-1:])) as server, pooled(server.origin, limit=3) as pool:
        async with asyncio.TaskGroup() as tasks:
            for number in range(100):
                tasks.create_task(turn(pool, number))
        assert (server.accepted, most, pool._open) == (3, 3, 3)
        assert all(abs(place - number) < 3 for place, number in enumerate(order))


async def test_a_newcomer_does_not_overtake_who_waits() -> None:
    order: list[str] = []

    async def turn(pool: Pool, name: str) -> None:
        with closing(await pool.exchange([ASK])) as answer:
            order.append(name)
            await read_all(answer)

    async with upstream(answering(OK)) as server, pooled(server.origin, limit=1) as pool:
        first = await pool.exchange([ASK])
        await read_all(first)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(turn(pool, "waited"))
            await turns()
            first.close()
            await turn(pool, "came as it was freed")
        assert order == ["waited", "came as it was freed"]
        assert server.accepted == 1


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_connection_lost_on_its_way_to_who_waits_costs_no_place(leaves: bool) -> None:
    async with upstream(answering(OK)) as server, pooled(server.origin, limit=1) as pool:
        answer = await pool.exchange([ASK])
        waits = asyncio.create_task(ask(pool))
        await turns()
        [connection] = [watched for watched in pool.deadlines._watched if isinstance(watched, Connection)]
        answer.close()
        connection.drop()
        if leaves:
            await cancelled(waits)
            assert not pool._resting
        else:
            assert await waits == (200, b"ok")
        assert await ask(pool) == (200, b"ok")
        assert (server.accepted, pool._open) == (2, 1)
