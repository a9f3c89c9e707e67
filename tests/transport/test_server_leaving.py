"""The client leaves, or stops reading: the handler must know, and nothing may pile up."""

import asyncio
import gc
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from tests.transport.front import PATIENCE, Client, Fronts, Watched
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Connection, Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
MUCH = 100_000
"""Chunks of ten kilobytes: more than sockets hold."""


def reset(client: Client) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.leave()


def half_close(client: Client) -> None:
    client.socket.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("leave", [Client.leave, reset, half_close])
@pytest.mark.parametrize("chunks", [0, 1, 2, 3, 10])
def test_a_handler_is_cancelled_at_once_when_its_client_leaves(
    front: Fronts, leave: Callable[[Client], None], chunks: int
) -> None:
    watched = Watched(chunks)
    server = front(watched)
    with server.connect() as client:
        client.send(GET)
        assert watched.began.wait(PATIENCE)
        if chunks:
            assert client.answer_head().status == 200
        for _ in range(chunks):
            client.chunk()
        leave(client)
        assert watched.ended.wait(PATIENCE)
    assert watched.cancelled


def test_a_client_that_leaves_without_having_read_is_not_waited_for(front: Fronts) -> None:
    watched = Watched(MUCH, 10_000)
    server = front(watched)
    with server.connect(buffer=4096) as client:
        client.send(GET)
        assert client.answer_head().status == 200
        half_close(client)
        assert watched.ended.wait(PATIENCE)
        server.until_open(0)


def test_a_request_and_a_goodbye_at_once_leave_nothing_behind(front: Fronts) -> None:
    server = front(Watched())
    for _ in range(20):
        with server.connect() as client:
            client.send(GET)
            half_close(client)
    server.until_open(0)


@pytest.mark.parametrize("cut", range(1, len(GET), 5))
def test_a_client_that_leaves_in_its_request_leaves_nothing_behind(front: Fronts, cut: int) -> None:
    server = front()
    with server.connect() as client:
        client.send(GET + GET[:cut])
        assert client.answer().status == 200
    server.until_open(0)
    assert len(server.calls) == 1


def test_a_handler_can_tell_whether_it_was_the_client_that_left(front: Fronts) -> None:
    replies: list[Reply] = []

    async def wait(request: Request, reply: Reply) -> None:
        replies.append(reply)
        reply.start(200, ())
        await asyncio.Event().wait()

    server = front(wait)
    with server.connect() as client:
        client.send(GET)
        assert client.answer_head().status == 200
    server.until_open(0)
    with server.connect() as client:
        client.send(GET)
        assert client.answer_head().status == 200
        server.run(server.server.drain(0))
    assert [reply.left for reply in replies] == [True, False]


def test_requests_read_ahead_are_not_handled_once_the_client_has_left(front: Fronts) -> None:
    watched = Watched()
    server = front(watched)
    with server.connect() as client:
        client.send(GET * 5)
        assert watched.began.wait(PATIENCE)
    server.until_open(0)
    assert len(server.calls) == 1


@pytest.mark.parametrize("size", [70_000, 500_000])
def test_a_client_that_has_sent_too_far_ahead_is_still_seen_to_leave(front: Fronts, size: int) -> None:
    gate = asyncio.Event()
    watched = Watched()

    async def first_gated(request: Request, reply: Reply) -> None:
        if request.method == "POST":
            await watched(request, reply)
        await gate.wait()
        reply.send(200, (), b"")

    server = front(first_gated)
    with server.connect() as client:
        client.send(GET, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (size, bytes(size)))
        server.call(gate.set)
        assert watched.began.wait(PATIENCE)
    assert watched.ended.wait(PATIENCE)


def test_what_a_handler_does_after_its_answer_is_not_cancelled_by_the_client_leaving(front: Fronts) -> None:
    gate = asyncio.Event()
    done = threading.Event()

    async def tidy(request: Request, reply: Reply) -> None:
        reply.send(200, (), b"")
        await gate.wait()
        done.set()

    server = front(tidy)
    with server.connect() as client:
        client.send(GET)
        assert client.answer().status == 200
    server.call(gate.set)
    assert done.wait(PATIENCE)


def test_a_client_that_reads_slowly_slows_the_handler_down_and_gets_everything(front: Fronts) -> None:
    size = 30_000_000
    peak: list[int] = []

    async def stream(request: Request, reply: Reply) -> None:
        reply.start(200, ())
        for _ in range(size // 10_000):
            reply.write(bytes(10_000))
            peak.append(buffered(reply))
            if reply.choked:
                await reply.drain()
        reply.end()

    with front(stream).connect(buffer=4096) as client:
        client.send(GET)
        assert len(client.answer().body) == size
    assert max(peak) < 200_000


def buffered(reply: Reply) -> int:
    connection = reply._connection
    assert isinstance(connection, Connection)
    return connection._transport.get_write_buffer_size()


def test_a_client_that_reads_nothing_is_let_go(front: Fronts) -> None:
    watched = Watched(MUCH, 10_000)
    server = front(watched, Limits(write_seconds=0.3))
    with server.connect(buffer=4096) as client:
        client.send(GET)
        assert watched.ended.wait(PATIENCE)
        assert watched.cancelled
        assert watched.written < 700_000
        server.until_open(0)


def test_a_client_that_reads_nothing_of_a_finished_answer_is_let_go(front: Fronts) -> None:
    async def large(request: Request, reply: Reply) -> None:
        reply.send(200, (), bytes(20_000_000))

    server = front(large, Limits(write_seconds=0.3))
    for request in (GET, GET + GET, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
        with server.connect(buffer=4096) as client:
            client.send(request)
            assert client.answer_head().status == 200
            server.until_open(0)


def test_a_client_that_takes_a_little_at_a_time_is_kept(front: Fronts) -> None:
    size = 2_000_000

    async def large(request: Request, reply: Reply) -> None:
        reply.send(200, (), bytes(size))

    server = front(large, Limits(write_seconds=0.5))
    with server.connect(buffer=32768) as client:
        client.send(GET)
        assert client.answer_head().status == 200
        began = time.monotonic()
        pace = threading.Event()
        taken = 0
        while taken < size:
            taken += len(client.some(100_000))
            pace.wait(0.02)  # the reader's pace is what is tested
        assert time.monotonic() - began > 1


def test_a_client_that_stays_keeps_no_request_in_memory(front: Fronts) -> None:
    body = b"stay" * 12_500
    server = front()
    with server.connect() as client:
        for _ in range(3):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            assert client.answer().status == 200
        server.requests.clear()
        held = server.call(lambda: [each for each in gc.get_objects() if isinstance(each, Request)])
        assert [each for each in held if each.body == body] == []


def test_a_thousand_connections_leave_nothing_behind(front: Fronts) -> None:
    server = front()
    gc.collect()
    gc.disable()
    try:
        for number in range(1000):
            with server.connect() as client:
                client.send((GET, GET[:20], b"bad\r\n", b"", GET * 3)[number % 5])
                if number % 2:
                    reset(client)
        server.until_open(0)
        assert len(server.calls) > 400
        server.requests.clear()
        assert server.call(lambda: [kept for kept in gc.get_objects() if isinstance(kept, Connection | Request)]) == []
    finally:
        gc.enable()
    assert not server.deadlines._watched
