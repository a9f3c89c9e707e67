"""What a handler gives is what the client gets, whole or visibly broken."""

import logging

import pytest

from tests.transport.front import Fronts
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Handler

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
OLD_KEPT = b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"


async def whole(request: Request, reply: Reply) -> None:
    reply.send(200, ((b"content-type", b"text/plain"),), b"hello")


async def streamed(request: Request, reply: Reply) -> None:
    reply.start(200, ((b"content-type", b"text/plain"),))
    reply.write(b"he")
    reply.write(b"")
    reply.write(b"ll")
    reply.end(b"o")


@pytest.mark.parametrize("handler", [whole, streamed])
def test_an_answer_arrives_and_the_connection_is_kept(front: Fronts, handler: Handler) -> None:
    with front(handler).connect() as client:
        for _ in range(3):
            client.send(GET)
            answer = client.answer()
            assert (answer.status, answer.body) == (200, b"hello")
            assert answer.headers[b"content-type"] == b"text/plain"
            assert b"connection" not in answer.headers


@pytest.mark.parametrize("handler", [whole, streamed])
@pytest.mark.parametrize("request_bytes", [CLOSE, OLD])
def test_a_client_that_wants_to_close_is_closed(front: Fronts, handler: Handler, request_bytes: bytes) -> None:
    answers = front(handler).ask(request_bytes)
    assert [(answer.body, answer.headers[b"connection"]) for answer in answers] == [(b"hello", b"close")]


def test_a_client_of_1_0_that_asks_for_it_is_kept_and_told_so(front: Fronts) -> None:
    with front(whole).connect() as client:
        for _ in range(3):
            client.send(OLD_KEPT)
            assert client.answer().headers[b"connection"] == b"keep-alive"


def test_a_stream_to_a_client_of_1_0_ends_with_the_connection(front: Fronts) -> None:
    (answer,) = front(streamed).ask(OLD_KEPT)
    assert answer.body == b"hello"
    assert b"transfer-encoding" not in answer.headers


@pytest.mark.parametrize("handler", [whole, streamed])
def test_a_head_has_the_headers_and_no_body(front: Fronts, handler: Handler) -> None:
    with front(handler).connect() as client:
        client.send(GET.replace(b"GET", b"HEAD") + GET)
        head, got = client.answer(to="HEAD"), client.answer()
        assert (head.headers, head.body) == (got.headers, b"")
        assert got.body == b"hello"


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_no_length_either(front: Fronts, status: int) -> None:
    async def empty(request: Request, reply: Reply) -> None:
        reply.send(status, (), b"dropped")

    with front(empty).connect() as client:
        client.send(GET + GET)
        for _ in range(2):
            answer = client.answer()
            assert answer.status == status
            assert b"content-length" not in answer.headers


def test_a_status_nobody_registered_passes(front: Fronts) -> None:
    async def odd(request: Request, reply: Reply) -> None:
        reply.send(529, (), b"overloaded")

    assert [(answer.status, answer.body) for answer in front(odd).ask(CLOSE)] == [(529, b"overloaded")]


def test_every_answer_has_the_headers_that_were_laid_by_for_it(front: Fronts) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        reply.also = ((b"vary", b"origin"),)
        await (whole if request.target == b"/" else streamed)(request, reply)

    answers = front(handler).ask(GET.replace(b"/ ", b"/streamed ") + CLOSE)
    assert [answer.headers[b"vary"] for answer in answers] == [b"origin", b"origin"]


@pytest.mark.parametrize("value", [b"x\r\nset-cookie: a=b", b"x\nset-cookie: a=b", b"x\rset-cookie: a=b", b"\r\n\r\n"])
def test_a_header_with_a_line_break_is_not_sent(front: Fronts, value: bytes) -> None:
    async def careless(request: Request, reply: Reply) -> None:
        with pytest.raises(ValueError, match="line break"):
            reply.send(200, ((b"x", value),), b"")
        with pytest.raises(ValueError, match="line break"):
            reply.start(200, ((value, b"x"),))
        reply.send(200, (), b"clean")

    assert [answer.body for answer in front(careless).ask(CLOSE)] == [b"clean"]


def test_a_request_is_answered_once(front: Fronts) -> None:
    async def twice(request: Request, reply: Reply) -> None:
        reply.send(200, (), b"once")
        with pytest.raises(RuntimeError):
            reply.send(200, (), b"twice")
        with pytest.raises(RuntimeError):
            reply.start(200, ())
        reply.write(b"more")
        reply.end(b"and more")

    assert [answer.body for answer in front(twice).ask(GET + CLOSE)] == [b"once", b"once"]


class Failing:
    """Raises, or returns, before its answer is whole."""

    def __init__(self, *, begins: bool, raises: bool) -> None:
        self._begins = begins
        self._raises = raises

    async def __call__(self, request: Request, reply: Reply) -> None:
        if self._begins:
            reply.start(200, ())
            reply.write(b"part")
        if self._raises:
            raise LookupError("the handler's own fault")


@pytest.mark.parametrize("raises", [True, False])
def test_a_handler_that_gives_no_answer_is_answered_for(
    front: Fronts, raises: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answers = front(Failing(begins=False, raises=raises)).ask(GET + CLOSE)
    assert [answer.status for answer in answers] == [500, 500]
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR] * raises


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("request_bytes", [GET + GET, OLD, CLOSE])
def test_an_answer_broken_off_does_not_look_whole(front: Fronts, raises: bool, request_bytes: bytes) -> None:
    server = front(Failing(begins=True, raises=raises))
    with server.connect() as client:
        client.send(request_bytes)
        with pytest.raises((EOFError, ConnectionResetError)):
            client.answer()
    server.until_open(0)
    assert len(server.calls) == 1


def test_what_is_written_to_a_client_that_was_dropped_goes_nowhere(front: Fronts) -> None:
    async def dropped(request: Request, reply: Reply) -> None:
        reply.abort()
        reply.write(b"more")
        reply.end()
        reply.send(500, (), b"sorry")

    with front(dropped).connect() as client:
        client.send(GET)
        assert client.is_closed()
