"""However the network cuts a byte stream, the same requests reach the handler and the same answers the client."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport.front import Front
from weighbridge.transport.server import Limits

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /post HTTP/1.1\r\nHost: a\r\n"
PIECES = [
    GET % b"plain",
    b"\r\n" + GET % b"behind-a-line",
    b"HEAD /head HTTP/1.1\r\nhost:a\r\nx-empty:\r\nX-A: b\r\nX-a: c\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://h/absolute?a=b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    POST + b"Content-Length: 11\r\n\r\nhello\r\n\r\n..",
    POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n3\r\n\r\n0\r\n0\r\nX: y\r\nZ: z\r\n\r\n",
    POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
    POST + b"Content-Length: 301\r\n\r\n" + b"x" * 301,
    POST + b"Transfer-Encoding: chunked\r\n\r\n12d\r\n" + b"x" * 301,
    POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n",
    POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    POST + b"Expect: tea\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 2000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"\x16\x03\x01",
]
LAST = b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def echoing() -> Iterator[Front]:
    server = Front(limits=Limits(header_bytes=1000, body_bytes=300))
    yield server
    server.stop()


def outcome(server: Front, pieces: list[bytes]) -> tuple[list[tuple[str, bytes, bytes]], bytes]:
    """The calls that reached the handler, and every byte that reached the client but the reasons given."""
    server.calls.clear()
    with server.connect() as client:
        client.send_while_open(*pieces)
        heard = client.rest()
    answers = [
        line for line in heard.split(b"\r\n") if line.startswith((b"HTTP/1.1 ", b"GET ", b"POST ", b"connection"))
    ]
    return list(server.calls), b"\n".join(line for line in answers if b" 100 " not in line)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.lists(st.integers(1, 400), max_size=30))
def test_a_byte_stream_means_the_same_however_it_is_cut(
    echoing: Front, requests: list[bytes], steps: list[int]
) -> None:
    stream = b"".join([*requests, LAST])
    cuts = [0, *(sum(steps[: end + 1]) for end in range(len(steps))), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(cuts)]
    assert outcome(echoing, pieces) == outcome(echoing, [stream])


@pytest.mark.parametrize("request_bytes", PIECES)
def test_a_request_means_the_same_byte_by_byte(echoing: Front, request_bytes: bytes) -> None:
    stream = request_bytes + LAST
    assert outcome(echoing, [bytes([byte]) for byte in stream]) == outcome(echoing, [stream])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused_and_nothing_hangs(echoing: Front, noise: bytes) -> None:
    with echoing.connect() as client:
        client.send_while_open(noise, b"\r\n\r\n\x00\r\n\r\n")
        assert b" 400 " in client.rest()
