"""The server stops: nobody new, nobody cut before time, nobody left."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.transport.front import PATIENCE, Front, Fronts, Watched, echo
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def draining(server: Front, seconds: float = PATIENCE) -> Iterator["concurrent.futures.Future[int]"]:
    """The server drains while the block runs; the future is how many answers were cut."""
    drained = asyncio.run_coroutine_threadsafe(server.server.drain(seconds), server.loop)
    server.call(lambda: None)  # by now it has begun
    yield drained
    drained.result(PATIENCE)


class Gated:
    """Answers in two halves, the second when the gate opens."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def __call__(self, request: Request, reply: Reply) -> None:
        if request.target == b"/whole":
            await self.gate.wait()
            reply.send(200, (), b"whole")
            return
        reply.start(200, ())
        reply.write(b"one")
        await self.gate.wait()
        reply.end(b"two")


def test_new_clients_are_turned_away_and_idle_ones_let_go(front: Fronts) -> None:
    server = front()
    with server.connect() as idle, server.connect() as fresh:
        idle.send(GET)
        assert idle.answer().status == 200
        fresh.send(b"")
        server.until_open(2)
        with draining(server) as drained:
            assert idle.is_closed()
            assert fresh.is_closed()
            assert drained.result(PATIENCE) == 0
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_streams_end_whole_and_then_their_connections(front: Fronts) -> None:
    gated = Gated()
    server = front(gated)
    with server.connect() as streaming, server.connect() as waiting:
        streaming.send(GET)
        assert streaming.answer_head().status == 200
        assert streaming.chunk() == b"one"
        waiting.send(b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        server.until_open(2)
        with draining(server) as drained:
            server.call(gated.gate.set)
            assert [streaming.chunk(), streaming.chunk()] == [b"two", b""]
            assert streaming.is_closed()
            answers = waiting.answers()
            assert [(answer.body, answer.headers[b"connection"]) for answer in answers] == [(b"whole", b"close")]
            assert drained.result(PATIENCE) == 0


def test_a_request_half_sent_is_answered_and_told_to_close(front: Fronts) -> None:
    server = front()
    with server.connect() as client:
        client.send(GET, GET[:10])
        assert client.answer().status == 200
        with draining(server):
            client.send(GET[10:])
            answers = client.answers()
    assert [(answer.status, answer.headers.get(b"connection")) for answer in answers] == [(200, b"close")]


def test_what_does_not_end_in_time_is_cut_and_its_handlers_have_ended(front: Fronts) -> None:
    watched = Watched(3)
    server = front(watched)
    with server.connect() as client:
        client.send(GET)
        assert client.answer_head().status == 200
        assert server.run(server.server.drain(0.1)) == 1
        assert watched.cancelled
        assert watched.ended.is_set()
        assert not server.server._open
        with pytest.raises((EOFError, ConnectionResetError)):
            client.body()


def test_draining_waits_for_what_handlers_do_after_their_answers(front: Fronts) -> None:
    gate = asyncio.Event()
    done = threading.Event()

    async def tidy(request: Request, reply: Reply) -> None:
        await echo(request, reply)
        await gate.wait()
        done.set()

    server = front(tidy)
    with server.connect() as client:
        client.send(GET)
        assert client.answer().status == 200
    with draining(server) as drained:
        assert not drained.done()
        server.call(gate.set)
        assert drained.result(PATIENCE) == 0
        assert done.is_set()


def test_draining_ends_what_handlers_do_after_their_answers_when_its_time_is_over(front: Fronts) -> None:
    cancelled = threading.Event()

    async def tidy(request: Request, reply: Reply) -> None:
        await echo(request, reply)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    server = front(tidy)
    with server.connect() as client:
        client.send(GET)
        assert client.answer().status == 200
        assert server.run(server.server.drain(0.1)) == 0
    assert cancelled.is_set()


def test_a_client_that_reads_nothing_does_not_keep_the_server(front: Fronts) -> None:
    server = front(Watched(100_000, 10_000), Limits(write_seconds=1000))
    with server.connect(buffer=4096) as client:
        client.send(GET)
        assert client.answer_head().status == 200
        assert server.run(server.server.drain(0.1)) == 1
