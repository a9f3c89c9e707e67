"""Upstreams that do not keep to HTTP: each is one clear error that names the upstream and no secret."""

import asyncio
import os
from contextlib import closing

import pytest

from tests.transport.client.test_framing import CHUNKED
from tests.transport.client.upstreams import (
    ASK,
    OK,
    Line,
    answering,
    answering_once,
    ask,
    pooled,
    read_all,
    turns,
    upstream,
)
from weighbridge.errors import UpstreamError
from weighbridge.transport.client import _MOMENT

SECRET = b"POST / HTTP/1.1\r\nAuthorization: Bearer sk-secret\r\nContent-Length: 6\r\n\r\nprompt"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the upstream closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nConte", "the upstream closed the connection in the middle of its answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the upstream closed the connection in the middle of its answer"),
        (b"sk-secret prompt\r\n\r\n", "the upstream did not answer in HTTP/1.1: Expected HTTP/"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "the upstream did not answer in HTTP/1.1: Expected HTTP/"),
        (b"HTTP/2 200\r\n\r\n", "the upstream did not answer in HTTP/1.1: "),
        (b"HTTP/1.1 99 Low\r\n\r\n", "the upstream did not answer in HTTP/1.1: "),
        (b"HTTP/1.1 2000 Long\r\n\r\n", "the upstream did not answer in HTTP/1.1: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", "the upstream did not answer in HTTP/1.1: Invalid char"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "the upstream did not answer in HTTP/1.1: Invalid char"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", "did not answer in HTTP/1.1: "),
        (CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n", "the upstream did not answer in HTTP/1.1: Content-Length can't"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9" + b"9" * 30 + b"\r\n\r\n", "did not answer in HTTP/1.1: "),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "the upstream did not answer in HTTP/1.1: "),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            "the upstream changed to another protocol than HTTP/1.1",
        ),
    ],
)
async def test_a_head_that_is_none_is_an_upstream_error(raw: bytes, message: str) -> None:
    async with upstream(answering_once(raw)) as server, pooled(server.origin) as pool:
        with pytest.raises(UpstreamError) as caught:
            await pool.exchange([SECRET])
        assert message in caught.value.message
        assert "secret" not in repr(caught.value)
        assert "prompt" not in repr(caught.value)
        assert server.asked == 1


@pytest.mark.parametrize(
    ("raw", "body", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"short", "closed the connection in the middle"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"", "closed the connection in the middle"),
        (CHUNKED, b"", "closed the connection in the middle"),
        (CHUNKED + b"2\r\nok\r\n", b"ok", "closed the connection in the middle"),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"ok", "closed the connection in the middle"),
        (CHUNKED + b"9\r\nok\r\n0\r\n\r\n", b"ok\r\n0\r\n\r\n", "closed the connection in the middle"),
        (CHUNKED + b"2\r\nok\r\nxyz\r\n", b"ok", "did not answer in HTTP/1.1: Invalid character in chunk size"),
        (CHUNKED + b"-1\r\nok\r\n", b"", "did not answer in HTTP/1.1: Invalid character in chunk size"),
        (CHUNKED + b"1\r\nok\r\n0\r\n\r\n", b"o", "did not answer in HTTP/1.1: "),
        (CHUNKED + b"f" * 17 + b"\r\nok\r\n", b"", "did not answer in HTTP/1.1: "),
        (CHUNKED + b"2\nok\n0\n\n", b"", "did not answer in HTTP/1.1: "),
    ],
)
async def test_a_body_that_breaks_off_gives_what_came_and_then_the_error(raw: bytes, body: bytes, message: str) -> None:
    async with upstream(answering_once(raw)) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([SECRET])) as answer:
            came: list[bytes] = []
            with pytest.raises(UpstreamError, match="the upstream") as caught:
                await read_all(answer, came)
            assert b"".join(came) == body
            assert message in caught.value.message
            assert not answer.complete
            with pytest.raises(UpstreamError):
                await answer.read()
        assert server.asked == 1


async def test_an_upstream_that_half_closes_after_its_head_is_closed_for_good() -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        line.writer.write_eof()
        await line.left()

    async with upstream(script) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as answer, pytest.raises(UpstreamError, match="in the middle"):
            await answer.read()
        await turns()
        assert server.abandoned == 1


@pytest.mark.parametrize("head", [CHUNKED + b"2\r\nok\r\n", b"HTTP/1.0 200 OK\r\n\r\nok"])
async def test_a_reset_in_the_middle_is_an_error_even_where_a_close_would_be_the_end(head: bytes) -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(head)
        line.reset()

    async with upstream(script) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as answer, pytest.raises(UpstreamError, match="in the middle"):
            await read_all(answer)
        assert not answer.complete


async def test_a_reset_instead_of_an_answer_is_an_error() -> None:
    async def script(line: Line) -> None:
        await line.question()
        line.reset()

    async with upstream(script) as server, pooled(server.origin) as pool:
        with pytest.raises(UpstreamError, match="the upstream closed the connection without an answer") as caught:
            await pool.exchange([ASK])
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        assert server.asked == 1


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"x" * 1000),
        (b"HTTP/1.1 200 ", b"OK" * 500),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"X-Trailer: " + b"x" * 1000 + b"\r\n"),
        (CHUNKED + b"2;", b"x" * 1000),
    ],
    ids=["headers", "one header", "reason", "interim answers", "trailers", "chunk extension"],
)
async def test_headers_without_end_are_cut_off(start: bytes, more: bytes) -> None:
    sent = 0

    async def script(line: Line) -> None:
        nonlocal sent
        await line.question()
        await line.say(start)
        while True:
            await line.say(more)
            sent += len(more)

    async with upstream(script) as server, pooled(server.origin) as pool:
        with pytest.raises(UpstreamError, match="the upstream sent more than 65,536 bytes of headers"):
            await ask(pool)
    assert 65_000 < sent < 500_000


@pytest.mark.parametrize("answer", [OK + OK, OK + OK[:1], OK + b"garbage", OK + b"\r\n" + OK, OK + b"\x00" * 100_000])
async def test_what_follows_an_answer_is_never_given_to_the_next_request(answer: bytes) -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(answer if line.number == 1 else OK.replace(b"ok", b"2!"))
        await line.left()

    async with upstream(script) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        assert await ask(pool) == (200, b"2!")
        assert (server.accepted, server.asked) == (2, 2)


async def test_an_answer_nobody_asked_for_closes_the_connection_at_rest() -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(OK)
        await turns(10)
        await line.say(OK.replace(b"ok", b"no"))
        await line.left()

    async with upstream(script) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        await turns(30)
        assert server.abandoned == 1
        assert not pool._resting


async def test_a_second_answer_that_arrives_as_we_ask_again_is_not_taken_for_ours() -> None:
    """It lies in the socket, unread by the loop, when the connection is about to be used again."""
    async with upstream(answering(OK)) as server, pooled(server.origin) as pool:
        with closing(await pool.exchange([ASK])) as first:
            assert await first.read() == b"ok"
        await asyncio.sleep(2 * _MOMENT)
        os.write(server.lines[0].descriptor, OK.replace(b"ok", b"no"))  # past the loop, which would let the client read
        assert await ask(pool) == (200, b"ok")
        assert server.accepted == 2


async def test_more_body_than_promised_ends_with_the_promise() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"
    async with upstream(answering(raw)) as server, pooled(server.origin) as pool:
        assert await ask(pool) == (200, b"ok")
        assert await ask(pool) == (200, b"ok")
        assert server.accepted == 2
