"""Where an answer begins and ends."""

import asyncio
from contextlib import closing
from itertools import pairwise
from random import Random

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport.client.upstreams import ASK, OK, Line, answering, answering_once, ask, pooled, upstream

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
        (b"HTTP/1.1 429 Slow Down\r\nContent-Length: 4\r\n\r\nbusy", 429, b"busy"),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (CHUNKED + b"2;name=value\r\nok\r\n0\r\nTrailer: x\r\n\r\n", 200, b"ok"),
        (CHUNKED + b"0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    ],
)
async def test_a_framed_answer_is_read_and_its_connection_used_again(raw: bytes, status: int, body: bytes) -> None:
    async with upstream(answering(raw)) as server, pooled(server.origin) as pool:
        for _ in range(3):
            assert await ask(pool) == (status, body)
        assert (server.accepted, server.asked) == (1, 3)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: Close, Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_an_answer_that_ends_its_connection_is_whole_and_the_next_has_a_new_one(raw: bytes) -> None:
    async with upstream(answering_once(raw)) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        assert await ask(pool) == (200, b"ok")
        assert (server.accepted, server.asked) == (2, 2)


async def test_an_answer_cut_anywhere_is_the_same_answer() -> None:
    raw = b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + CHUNKED + b"2\r\nok\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
    cuts = iter(range(1, len(raw)))

    async def script(line: Line) -> None:
        while await line.question():
            cut = next(cuts)
            await line.say(raw[:cut], raw[cut:])

    async with upstream(script) as server, pooled(server.origin) as pool:
        for _ in range(1, len(raw)):
            assert await ask(pool) == (200, b"ok!")
        assert server.accepted == 1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=12), st.randoms(use_true_random=False))
def test_random_chunks_in_random_packets_give_the_same_bytes(chunks: list[bytes], random: Random) -> None:
    raw = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    cuts = sorted(random.sample(range(len(raw)), min(len(raw), random.randrange(20))))
    packets = [raw[a:b] for a, b in pairwise([0, *cuts, len(raw)])]

    async def exchange() -> None:
        async with upstream(answering(*packets)) as server, pooled(server.origin) as pool:
            for _ in range(2):  # the second would meet what the first left over
                assert await ask(pool) == (200, b"".join(chunks))
            assert server.accepted == 1

    uvloop.run(exchange())


async def test_a_stream_is_read_piece_by_piece_as_it_arrives() -> None:
    go_on = asyncio.Event()

    async def script(line: Line) -> None:
        await line.question()
        await line.say(CHUNKED)
        for number in range(3):
            await go_on.wait()
            go_on.clear()
            await line.say(b"2\r\n%d\n\r\n" % number)
        await line.say(b"0\r\n\r\n")

    async with upstream(script) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as answer:
            for number in range(3):
                assert not answer.complete
                go_on.set()
                assert await answer.read() == b"%d\n" % number
            assert await answer.read() == b""
            assert answer.complete
            assert await answer.read() == b""


async def test_headers_have_lower_case_names_and_neither_hints_nor_trailers_among_them() -> None:
    raw = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-Request-ID: One\r\nX-Twice: a\r\nX-Twice: b\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Request-Id: trailer\r\n\r\n"
    )
    async with upstream(answering(raw)) as server, pooled(server.origin) as pool:
        for _ in range(2):
            with closing(await pool.exchange([ASK])) as answer:
                await answer.read()
                assert answer.headers == {b"x-request-id": b"One", b"x-twice": b"b", b"transfer-encoding": b"chunked"}


async def test_a_request_of_several_pieces_arrives_as_one() -> None:
    asked: list[bytes] = []

    async def script(line: Line) -> None:
        asked.append(await line.question())
        await line.say(OK)

    async with upstream(script) as server, pooled(server.origin) as pool:
        await ask(pool, b"POST / HTTP/1.1\r\n", b"Content-Length: 6\r\n\r\n", b"abc", b"def")
    assert asked == [b"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabcdef"]
