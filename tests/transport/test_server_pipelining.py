"""Requests sent before the answers to earlier ones."""

import asyncio
import threading

import pytest

from tests.transport.front import PATIENCE, Fronts
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Limits


def get(path: bytes, more: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (path, more)


LAST = b"Connection: close\r\n"


async def stream(request: Request, reply: Reply) -> None:
    """A few chunks, each after a turn of the loop."""
    reply.start(200, ())
    for chunk in (request.target, b"two", b"three"):
        reply.write(chunk)
        await asyncio.sleep(0.01)
    reply.end()


def test_pipelined_requests_are_answered_in_order(front: Fronts) -> None:
    paths = [b"/%d" % number for number in range(50)]
    answers = front().ask(b"".join(map(get, paths)) + get(b"/last", LAST))
    assert [answer.body for answer in answers] == [b"GET %b " % path for path in [*paths, b"/last"]]


def test_a_request_behind_a_slow_stream_waits_for_its_end(front: Fronts) -> None:
    server = front(stream)
    answers = server.ask(get(b"/1") + get(b"/2", LAST))
    assert [answer.body for answer in answers] == [b"/1twothree", b"/2twothree"]


def test_a_bad_request_is_refused_only_when_the_good_one_before_it_is_answered_whole(front: Fronts) -> None:
    server = front(stream)
    answers = server.ask(get(b"/good") + get(b"/good") + b"BAD / HTTP/1.1\r\n\r\n" + get(b"/unread"))
    assert [(answer.status, answer.body[:5]) for answer in answers[:2]] == [(200, b"/good"), (200, b"/good")]
    assert [answer.status for answer in answers[2:]] == [400]
    assert [call[1] for call in server.calls] == [b"/good", b"/good"]


def test_an_oversize_request_is_refused_only_when_the_good_one_before_it_is_answered_whole(front: Fronts) -> None:
    server = front(stream, Limits(body_bytes=10))
    oversize = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000)
    assert [answer.status for answer in server.ask(get(b"/good"), oversize)] == [200, 413]


def test_nothing_is_read_beyond_a_request_that_closes(front: Fronts) -> None:
    server = front(stream)
    assert len(server.ask(get(b"/1", LAST) + get(b"/2") + b"\x00", get(b"/3") * 1000)) == 1
    assert [call[1] for call in server.calls] == [b"/1"]


def test_read_ahead_is_bounded(front: Fronts) -> None:
    gate = asyncio.Event()

    async def gated(request: Request, reply: Reply) -> None:
        await gate.wait()
        reply.send(200, (), b"%d" % len(request.body))

    server = front(gated)
    body = bytes(20_000_000)
    with server.connect() as client:
        client.send(get(b"/"))
        sender = threading.Thread(
            target=client.send, args=(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n", body)
        )
        sender.start()
        sender.join(0.3)
        assert sender.is_alive(), "twenty megabytes fit nowhere but in our memory"
        server.call(gate.set)
        assert [client.answer().body, client.answer().body] == [b"0", b"20000000"]
        sender.join(PATIENCE)


def test_requests_far_beyond_the_read_ahead_are_all_answered(front: Fronts) -> None:
    server = front(limits=Limits(keep_alive_requests=100_000))
    with server.connect() as client:
        sender = threading.Thread(target=client.send, args=(get(b"/") * 20_000 + get(b"/", LAST),))
        sender.start()
        assert len(client.answers()) == 20_001
        sender.join(PATIENCE)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_client_that_reads_no_answers_is_served_no_more_requests(front: Fronts, at_once: bool) -> None:
    async def large(request: Request, reply: Reply) -> None:
        reply.send(200, (), bytes(1_000_000))

    server = front(large)
    with server.connect(buffer=65536) as client:
        for _ in range(1 if at_once else 40):
            client.send(get(b"/") * (40 if at_once else 1))
            server.call(lambda: None)
        assert client.answer_head().status == 200
        assert len(server.calls) < 5
        client.exactly(1_000_000)
        assert [len(client.answer().body) for _ in range(39)] == [1_000_000] * 39
