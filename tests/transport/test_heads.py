"""A head that comes again means what it meant, to the byte, and everything else is the parser's."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.transport.front import Front
from tests.transport.test_server_cuts import LAST, PIECES, outcome
from weighbridge.transport.heads import Head
from weighbridge.transport.message import Request
from weighbridge.transport.server import Connection, Limits

MOST = 300
POST = b"POST /v1/chat HTTP/1.1\r\nHost: a\r\nContent-Type: x\r\nContent-Length: %b\r\nX-A: b\r\n\r\n%b"
GET = b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n"


@dataclass
class Parsed:
    """What llhttp makes of some bytes."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    messages: int = 0

    def on_message_begin(self) -> None:
        self.messages += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.rstrip()))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 100


def read(data: bytes) -> Request | None:
    """The one request that these bytes are, by the parser alone; None where they are not just one."""
    seen = Parsed()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if seen.messages != 101 or len(dict(seen.headers)) != len(seen.headers):
        return None
    request = Request()
    request.method, request.target = parser.get_method().decode(), seen.url
    request.headers, request.body = dict(seen.headers), seen.body
    return request


def parts(request: Request) -> tuple[str, bytes, dict[bytes, bytes], bytes, bytes]:
    return request.method, request.target, request.headers, request.body, request.upgrade


def head_of(data: bytes) -> Head:
    request = read(data)
    assert request is not None
    head = Head.of(data, request, len(request.body))
    assert head is not None
    return head


@pytest.mark.parametrize("body", [b"", b"x", b"hello\r\n\r\n..", b"y" * MOST])
def test_a_head_is_known_again_whatever_the_length(body: bytes) -> None:
    data = POST % (b"%d" % len(body), body)
    again = head_of(POST % (b"5", b"first")).again(data, MOST)
    expected = read(data)
    assert again is not None
    assert expected is not None
    assert (parts(again[0]), again[1]) == (parts(expected), 0)


def test_a_head_without_a_body_is_known_again() -> None:
    again = head_of(GET).again(GET, MOST)
    assert again is not None
    assert (again[0].method, again[0].target, again[0].body, again[1]) == ("GET", b"/v1/models", b"", 0)
    assert head_of(GET).again(GET + b"x", MOST) is None


LENGTHS = [
    b"5 ",
    b" 5",
    b"+5",
    b"-5",
    b"0x5",
    b"5,5",
    b"5;",
    b"",
    b"\xd9\xa5",
    b"5\r\nX: y",
    b"05",
    b"5" * 16,
    b"4",
]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_is_digits_and_true_or_left_to_the_parser(length: bytes) -> None:
    data = POST % (length, b"hello")
    again = head_of(POST % (b"3", b"abc")).again(data, MOST)
    if length == b"05":
        assert again is not None
    else:
        assert again is None


def test_a_body_over_the_limit_is_left_to_the_parser() -> None:
    assert head_of(POST % (b"3", b"abc")).again(POST % (b"301", b"x" * 301), MOST) is None


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        GET + GET,
        b"\r\n\r\n" + GET,
    ],
)
def test_what_means_more_than_it_says_is_never_kept(data: bytes) -> None:
    seen = Parsed()
    httptools.HttpRequestParser(seen).feed_data(data)
    request = Request()
    request.headers, request.body = dict(seen.headers), seen.body
    assert Head.of(data, request, len(request.body)) is None


BITS = (
    b"\r\n",
    b"\r\n\r\n",
    b"Content-Length: 5",
    b"5",
    b"10",
    b"X-A: b",
    b"GET / HTTP/1.1",
    b"Host: a",
    b"hello",
    b" ",
    b"\t",
    b",",
)


@example(bits=[b"10", b"hello", b"hello"], at=len(POST) - 20, cut=1)
@given(st.lists(st.sampled_from(BITS), max_size=4), st.integers(0, 120), st.integers(0, 40))
def test_whatever_is_taken_for_known_is_what_the_parser_reads(bits: list[bytes], at: int, cut: int) -> None:
    """One request after another that differs from it by something put in and something left out."""
    first = POST % (b"5", b"hello")
    data = first[:at] + b"".join(bits) + first[at + cut :]
    again = head_of(first).again(data, MOST)
    if again is not None:
        request, missing = again
        expected = read(data + b"z" * missing)
        assert expected is not None
        request.body += b"z" * missing
        assert parts(request) == parts(expected)


@pytest.fixture(scope="module")
def echoing() -> Iterator[Front]:
    server = Front(limits=Limits(header_bytes=1000, body_bytes=MOST))
    yield server
    server.stop()


@pytest.mark.parametrize("second", PIECES)
@pytest.mark.parametrize(
    "first",
    [
        piece
        for piece in PIECES
        if piece.startswith((b"GET /plain", b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 11"))
    ],
)
def test_a_request_means_the_same_behind_an_answered_one(echoing: Front, first: bytes, second: bytes) -> None:
    alone = outcome(echoing, [first + second + LAST])
    echoing.calls.clear()
    with echoing.connect() as client:
        client.send(first)
        client.answer(to=first.split(b" ")[0].decode())
        client.send(first)  # the same again, which is not parsed
        client.answer(to=first.split(b" ")[0].decode())
        client.send_while_open(second, LAST)
        client.rest()
    assert echoing.calls[1:] == alone[0]


def test_a_client_whose_heads_differ_is_not_looked_at_for_ever(echoing: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def of(data: bytes, request: Request, size: int) -> None:
        looked.append(data)

    monkeypatch.setattr(Head, "of", of)
    with echoing.connect() as client:
        for number in range(10):
            client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            client.answer()
    assert len(looked) == 4


def between() -> None:
    """Long enough for the server to read what was sent: nothing it does then can be seen. If not, no harm is done."""
    threading.Event().wait(0.02)


@pytest.mark.parametrize("cut", [0, 1, 10, 295])
def test_a_body_may_come_behind_its_head(echoing: Front, cut: int) -> None:
    """As Python's clients send it: the head by itself, then the body."""
    body = bytes(range(256)) + b"0123456789" * 4
    head, first = POST.split(b"%b", 1)[0] + b"296" + POST.split(b"%b", 1)[1].removesuffix(b"%b"), body[:cut]
    echoing.calls.clear()
    with echoing.connect() as client:
        for _ in range(3):
            client.send(head + first)
            between()
            client.send(body[cut:])
            client.answer(to="POST")
        client.send(head + first)
        between()
        client.send(body[cut:] + GET + GET + LAST)  # and what comes behind it is not lost
        client.rest()
    assert [call[2] for call in echoing.calls] == [body] * 4 + [b""] * 3


def test_a_known_head_whose_body_never_comes_is_told_so() -> None:
    server = Front(limits=Limits(body_seconds=0.2))
    with server.connect() as client:
        client.send(POST % (b"2", b"ok"))
        client.answer(to="POST")
        client.send(POST % (b"9", b"not "))
        assert client.answer(to="POST").status == 408
    server.stop()


def test_the_same_head_is_parsed_once(echoing: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[bytes] = []
    feed = Connection._feed

    def counting(connection: Connection, data: bytes) -> None:
        fed.append(data)
        feed(connection, data)

    monkeypatch.setattr(Connection, "_feed", counting)
    with echoing.connect() as client:
        for body in (b"a", b"bc", b"d" * 30):
            client.send(POST % (b"%d" % len(body), body))
            client.answer(to="POST")
        client.send(POST.replace(b"X-A: b", b"X-A: c") % (b"1", b"e"))
        client.answer(to="POST")
    assert len(fed) == 2
