"""What a client is held to: bytes, seconds, counts."""

import itertools
import threading
import tracemalloc

import pytest

from tests.transport.front import PATIENCE, Fronts
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMALL = Limits(header_bytes=1000, body_bytes=1000)

HEADS = {
    "one huge header": b"X: " + b"y" * 100_000,
    "many headers": b"\r\n".join(b"X%d: y" % number for number in range(10_000)),
    "one header again and again": b"\r\n".join([b"X: y"] * 10_000),
    "one empty header again and again": b"\r\n".join([b"x:"] * 80_000),
    "just over": b"X: " + b"y" * 1000,
}


@pytest.mark.parametrize("headers", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("piece", [1 << 20, 100], ids=["whole", "in pieces"])
def test_an_oversize_head_is_refused(front: Fronts, headers: bytes, piece: int) -> None:
    server = front(limits=SMALL)
    head = POST + headers + b"\r\n\r\n"
    answers = server.ask(*(head[start : start + piece] for start in range(0, len(head), piece)))
    assert [answer.status for answer in answers] == [431]
    assert server.calls == []


def test_a_huge_target_is_refused(front: Fronts) -> None:
    target = b"/" + b"a" * 2000
    assert [answer.status for answer in front(limits=SMALL).ask(GET.replace(b"/ ", target + b" "))] == [431]


def test_one_header_is_not_repeated_without_end(front: Fronts) -> None:
    assert [answer.status for answer in front().ask(POST + b"x:\r\n" * 200 + b"\r\n")] == [431]


def test_a_body_may_bring_much_framing_in_all(front: Fronts) -> None:
    server = front(limits=SMALL)
    with server.connect() as client:
        client.send(CHUNKED)
        for _ in range(10):
            for piece in (b"1;" + b"x" * 200, b"x" * 200 + b"\r\n", b"y\r\n"):
                client.send(piece)
                server.call(lambda: None)  # by now it has been read
        client.send(b"0\r\n\r\n")
        assert client.answer().body == b"POST / " + b"y" * 10


def test_a_head_within_the_limit_may_have_a_large_body_in_the_same_packet(front: Fronts) -> None:
    server = front(limits=Limits(header_bytes=1000, body_bytes=100_000))
    with server.connect() as client:
        client.send(POST + b"X: " + b"y" * 900 + b"\r\nContent-Length: 50000\r\n\r\n" + bytes(50_000))
        assert client.answer().status == 200


ENDLESS = {
    "a header line": (POST + b"X: ", b"y" * 1000, 431),
    "a header name": (POST, b"x" * 1000, 431),
    "a target": (b"GET /", b"a" * 1000, 431),
    "a body": (CHUNKED, b"100\r\n" + b"y" * 256 + b"\r\n", 413),
    "a body that was announced": (POST + b"Content-Length: 100000000000\r\n\r\n", b"y" * 1000, 413),
    "a chunk extension": (CHUNKED + b"1;x=", b"y" * 1000, 431),
    "trailers": (CHUNKED + b"0\r\n", b"X: yyyyyyyyyyyyy\r\n", 431),
    "a trailer": (CHUNKED + b"0\r\nX: ", b"y" * 1000, 431),
}


@pytest.mark.parametrize(("start", "more", "status"), ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_refused_while_it_is_still_being_sent(
    front: Fronts, start: bytes, more: bytes, status: int
) -> None:
    server = front(limits=Limits(header_bytes=1000, body_bytes=100_000))
    with server.connect() as client:
        heard = threading.Event()

        def send() -> None:
            client.send_while_open(start)
            while not heard.is_set():
                client.send_while_open(more)

        sender = threading.Thread(target=send)
        sender.start()
        answer = client.answer()
        heard.set()
        sender.join(PATIENCE)
    assert (answer.status, answer.headers[b"connection"]) == (status, b"close")
    assert server.calls == []


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 20000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n1312d00\r\n"]
)
def test_one_who_sends_a_whole_oversize_body_before_reading_still_hears_why(front: Fronts, framing: bytes) -> None:
    server = front(limits=SMALL)
    with server.connect() as client:
        client.send(POST + framing + bytes(20_000_000))
        assert [answer.status for answer in client.answers()] == [413]
    assert server.calls == []


def test_a_refused_client_that_goes_on_sending_is_dropped_in_the_end(front: Fronts) -> None:
    server = front(limits=Limits(body_bytes=1000, linger_seconds=0.2))
    with server.connect() as client:
        client.send(POST + b"Content-Length: 1001\r\n\r\n")
        assert client.answer().status == 413
        with pytest.raises(ConnectionError):
            client.send(*itertools.repeat(b"more", 10_000_000))


def test_a_refused_client_that_sends_very_much_more_is_dropped(front: Fronts) -> None:
    server = front(limits=Limits(body_bytes=1000, linger_seconds=1000))
    with server.connect() as client:
        client.send(POST + b"Content-Length: 1001\r\n\r\n")
        assert client.answer().status == 413
        with pytest.raises(ConnectionError):
            client.send(*itertools.repeat(bytes(1_000_000), 200))


SLOW = {
    "a head": (b"GET / HT", 408),
    "a head, after a request": (GET + b"GET / HTTP/1.1\r\nHost: a\r\nX:", 408),
    "a body": (POST + b"Content-Length: 5\r\n\r\nhell", 408),
    "a body of which nothing came": (POST + b"Content-Length: 5\r\n\r\n", 408),
    "chunks": (CHUNKED + b"5\r\nhello\r\n", 408),
}


@pytest.mark.parametrize(("start", "status"), SLOW.values(), ids=SLOW)
def test_a_request_that_does_not_go_on_is_given_up(front: Fronts, start: bytes, status: int) -> None:
    server = front(limits=Limits(header_seconds=0.3, body_seconds=0.3))
    assert server.ask(start)[-1].status == status


def test_a_head_that_trickles_in_is_given_up(front: Fronts) -> None:
    server = front(limits=Limits(header_seconds=0.3))
    with server.connect() as client:
        heard = threading.Event()

        def trickle() -> None:
            client.send_while_open(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            while not heard.wait(0.01):
                client.send_while_open(b"y")

        sender = threading.Thread(target=trickle)
        sender.start()
        assert client.answer().status == 408
        heard.set()
        sender.join(PATIENCE)


@pytest.mark.parametrize("before", [b"", b"\r\n", GET], ids=["new", "with an empty line", "used"])
def test_an_idle_connection_is_closed_without_a_word(front: Fronts, before: bytes) -> None:
    server = front(limits=Limits(header_seconds=0.2, keep_alive_seconds=0.2))
    with server.connect() as client:
        client.send(before)
        if before == GET:
            assert client.answer().status == 200
        assert client.is_closed()


def test_a_connection_takes_so_many_requests_and_says_which_is_the_last(front: Fronts) -> None:
    server = front(limits=Limits(keep_alive_requests=3))
    answers = server.ask(GET * 5)
    assert [answer.headers.get(b"connection") for answer in answers] == [None, None, b"close"]


def test_one_client_too_many_hears_so_and_the_others_go_on(front: Fronts) -> None:
    server = front(limits=Limits(connections=2))
    with server.connect() as first, server.connect() as second:
        for client in (first, second):
            client.send(GET)
            assert client.answer().status == 200
        assert [answer.status for answer in server.ask(GET)] == [503]
        first.send(GET)
        assert first.answer().status == 200
        second.leave()
        server.until_open(1)
        assert [answer.status for answer in server.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))] == [
            200
        ]


def test_a_body_in_tiny_chunks_takes_little_more_memory_than_its_bytes(front: Fronts) -> None:
    sent = CHUNKED + b"2\r\nab\r\n" * 200_000 + b"0\r\n\r\n"
    with front(measure).connect() as client:
        tracemalloc.start()
        client.send(sent)
        assert client.answer().body == b"400000"
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3_000_000


async def measure(request: Request, reply: Reply) -> None:
    reply.send(200, (), b"%d" % len(request.body))
