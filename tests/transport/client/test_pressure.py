"""More than one side can take: bodies that nobody reads, requests that nobody reads."""

import asyncio
import tracemalloc
from contextlib import closing

from tests.transport.client.upstreams import ASK, OK, Line, ask, pooled, read_all, turns, until, upstream
from weighbridge.transport.client import _HIGH_WATER, Pool

SIZE = 16 * 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE
UPLOAD = [b"POST / HTTP/1.1\r\nHost: upstream\r\nContent-Length: %d\r\n\r\n" % SIZE, bytes(SIZE)]


class Pouring:
    """An upstream that sends `SIZE` bytes as fast as they are taken."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, line: Line) -> None:
        line.writer.transport.set_write_buffer_limits(high=0)
        await line.question()
        await line.say(HEAD)
        for number in range(SIZE // 65536):
            line.writer.write(bytes([number % 251]) * 65536)
            await line.writer.drain()
            self.sent += 65536

    async def stopped(self) -> None:
        """Wait until no more is taken."""
        before = -1
        while before != self.sent:
            before = self.sent
            await turns(50)


async def test_a_reader_who_stops_stops_the_upstream_and_loses_nothing() -> None:
    script = Pouring()
    async with upstream(script) as server, pooled(server.origin) as pool:
        tracemalloc.start()
        with closing(await pool.exchange([ASK])) as answer:
            await script.stopped()
            held, _ = tracemalloc.get_traced_memory()
            assert script.sent < SIZE / 2
            assert held < _HIGH_WATER + 3 * 256 * 1024  # one read of the loop over the mark, and the upstream's own
            whole = await read_all(answer)
        tracemalloc.stop()
        assert whole == b"".join(bytes([number % 251]) * 65536 for number in range(SIZE // 65536))
        assert len(pool._resting) == 1


async def test_no_piece_is_larger_than_the_mark_and_one_read_of_the_loop() -> None:
    script = Pouring()
    async with upstream(script) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as answer:
            largest = 0
            while piece := await answer.read():
                largest = max(largest, len(piece))
                await script.stopped()
            assert _HIGH_WATER < largest <= _HIGH_WATER + 256 * 1024


async def test_closing_an_answer_that_is_paused_closes_the_upstream() -> None:
    script = Pouring()
    async with upstream(script) as server, pooled(server.origin) as pool:
        (await pool.exchange([ASK])).close()
        answer = await pool.exchange([ASK])
        await script.stopped()
        answer.close()
        await until(lambda: not server.tasks)
        assert pool._open == 0


async def test_a_refusal_that_comes_before_the_request_is_sent_is_the_answer() -> None:
    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nover")

    async with upstream(script) as server, pooled(server.origin) as pool:
        for _ in range(5):
            assert await ask(pool, *UPLOAD) == (413, b"over")
        assert server.accepted == 5


async def test_a_connection_answered_before_its_request_was_sent_is_not_used_again() -> None:
    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(OK)
        await line.left()

    async with upstream(script) as server, pooled(server.origin) as pool:
        assert await ask(pool, *UPLOAD) == (200, b"ok")
        await turns()
        assert pool._open == 0
        assert await ask(pool) == (200, b"ok")
        assert server.accepted == 2


async def test_a_long_request_is_sent_whole_to_an_upstream_that_reads_slowly() -> None:
    async def script(line: Line) -> None:
        for _ in range(2):
            asked = await line.question()
            await line.say(OK if asked.endswith(UPLOAD[1]) else b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")

    async with upstream(script) as server, pooled(server.origin) as pool:
        assert await ask(pool, *UPLOAD) == (200, b"ok")
        assert await ask(pool, *UPLOAD) == (200, b"ok")
        assert server.accepted == 1


async def test_two_hundred_streams_at_once_neither_mix_nor_lose() -> None:
    async def script(line: Line) -> None:
        while True:
            number = (await line.question()).split(b" ")[1]
            await line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for chunk in range(20):
                text = b"%b %d\n" % (number, chunk)
                await line.say(b"%x\r\n%b\r\n" % (len(text), text))
            await line.say(b"0\r\n\r\n")

    async with upstream(script) as server, pooled(server.origin) as pool, asyncio.TaskGroup() as tasks:
        for number in range(200):
            tasks.create_task(numbered(pool, b"/%d" % number))
        await until(lambda: server.asked == 200)


async def numbered(pool: Pool, path: bytes) -> None:
    whole = b"".join(b"%b %d\n" % (path, chunk) for chunk in range(20))
    assert await ask(pool, b"GET %b HTTP/1.1\r\nHost: upstream\r\n\r\n" % path) == (200, whole)
