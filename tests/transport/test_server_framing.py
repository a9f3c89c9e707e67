"""Where a request begins and ends: nobody can smuggle one past the front."""

import pytest

from tests.transport.front import Front, Fronts

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

FORBIDDEN = {
    "both lengths": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way round": CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n",
    "a coding after chunked": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked by another name": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked behind a control": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "no coding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, then a coding": CHUNKED + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before a colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "tab before a colon": POST + b"Content-Length\t: 3\r\n\r\nabc",
    "a folded header": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a first header behind a space": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "two lengths that differ": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two lengths in a list": POST + b"Content-Length: 3, 4\r\n\r\nabcd",
    "a length with a plus": POST + b"Content-Length: +3\r\n\r\nabc",
    "a negative length": POST + b"Content-Length: -1\r\n\r\nabc",
    "a hexadecimal length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "a length that overflows": POST + b"Content-Length: 18446744073709551619\r\n\r\nabc",
    "a chunk size that overflows": CHUNKED + b"\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"\r\n-1\r\nabc\r\n0\r\n\r\n",
    "a prefixed chunk size": CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a space after a chunk size": CHUNKED + b"\r\n3 \r\nabc\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"\r\n3\r\nabcd\r\n0\r\n\r\n",
    "a chunk extension ended by LF": CHUNKED + b"\r\n3;a\nabc\r\n0\r\n\r\n",
    "chunks ended by LF": CHUNKED + b"\r\n3\nabc\n0\n\n",
    "a length among the trailers": CHUNKED + b"\r\n0\r\nContent-Length: 3\r\n\r\n",
    "lines ended by LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "one header ended by LF": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "a bare CR in a value": GET + b"X: y\rZ: z\r\n\r\n",
    "a NUL in a value": GET + b"X: y\x00z\r\n\r\n",
    "a NUL in a name": GET + b"X\x00: y\r\n\r\n",
    "a header without a colon": GET + b"X\r\n\r\n",
    "a header without a name": GET + b": x\r\n\r\n",
    "a bracket in a name": GET + b"X(y: z\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": GET + b"Host: b\r\n\r\n",
    "no known method": b"SMUGGLE / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2 without a prelude": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("request_bytes", FORBIDDEN.values(), ids=FORBIDDEN)
def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(front: Fronts, request_bytes: bytes) -> None:
    server: Front = front()
    answers = server.ask(request_bytes + SMUGGLED)
    assert [answer.status for answer in answers] == [400]
    assert answers[0].headers[b"connection"] == b"close"
    assert server.calls == []


OTHER_REFUSALS = {
    "an old version": (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    "no version": (b"GET /\r\n\r\n", 505),
    "a new version": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "a tunnel": (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "an expectation nobody knows": (POST + b"Expect: tea\r\nContent-Length: 3\r\n\r\nabc", 417),
}


@pytest.mark.parametrize(("request_bytes", "status"), OTHER_REFUSALS.values(), ids=OTHER_REFUSALS)
def test_what_we_do_not_do_has_its_own_status(front: Fronts, request_bytes: bytes, status: int) -> None:
    server = front()
    assert [answer.status for answer in server.ask(request_bytes + SMUGGLED)] == [status]
    assert server.calls == []


BODIES = {
    "by length": (POST + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    "by a length in white space": (POST + b"Content-Length:\t5 \r\n\r\nhello", b"hello"),
    "in chunks": (CHUNKED + b"\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
    "in chunks of upper case": (
        POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        b"0123456789",
    ),
    "in chunks with extensions": (CHUNKED + b'\r\n5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n', b"hello"),
    "in chunks with trailers": (CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX: y\r\nZ: z\r\n\r\n", b"hello"),
    "none": (GET + b"\r\n", b""),
    "none, by length": (POST + b"Content-Length: 0\r\n\r\n", b""),
    "none, in chunks": (CHUNKED + b"\r\n0\r\n\r\n", b""),
    "behind empty lines": (b"\r\n\r\n" + POST + b"Content-Length: 5\r\n\r\nhello", b"hello"),
}


@pytest.mark.parametrize(("request_bytes", "body"), BODIES.values(), ids=BODIES)
def test_a_request_ends_where_it_says_and_the_next_begins_there(
    front: Fronts, request_bytes: bytes, body: bytes
) -> None:
    server = front()
    last = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert [answer.status for answer in server.ask(request_bytes + last)] == [200, 200]
    assert [call[1:] for call in server.calls] == [(b"/", body), (b"/next", b"")]


def test_a_chunked_request_may_be_cut_anywhere(front: Fronts) -> None:
    server = front()
    whole = CHUNKED + b"\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"
    with server.connect() as client:
        for cut in range(1, len(whole)):
            client.send(whole[:cut], whole[cut:])
            assert client.answer().body == b"POST / hello!"


def test_trailers_become_headers_of_no_request(front: Fronts) -> None:
    server = front()
    trailers = b"\r\n0\r\nAuthorization: Bearer stolen\r\nHost: b\r\n\r\n"
    server.ask(CHUNKED + trailers + b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert [request.headers.get(b"authorization") for request in server.requests] == [None, None]
    assert [request.headers[b"host"] for request in server.requests] == [b"a", b"a"]


def test_headers_are_lower_case_trimmed_and_joined(front: Fronts) -> None:
    server = front()
    server.ask(GET + b"X-A:  one \t\r\nx-a: two\r\nX-Empty:\r\nConnection: close\r\n\r\n")
    headers = server.requests[0].headers
    assert headers[b"x-a"] == b"one, two"
    assert headers[b"x-empty"] == b""


TARGETS = {
    b"/v1/models?limit=3": ("/v1/models", {"limit": "3"}),
    b"http://proxied.example:80/v1/models?limit=3": ("/v1/models", {"limit": "3"}),
    b"HTTP://proxied.example": ("/", {}),
    b"http://proxied.example?limit=3": ("/", {"limit": "3"}),
    b"/http://elsewhere.example/": ("/http://elsewhere.example/", {}),
    b"/v1/models/qwen%2Fqwen3%20x": ("/v1/models/qwen/qwen3 x", {}),
    b"//double": ("//double", {}),
    b"*": ("*", {}),
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_in_any_form_has_one_path_and_query(front: Fronts, target: bytes) -> None:
    server = front()
    server.ask(b"OPTIONS %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % target)
    assert (server.requests[0].path, server.requests[0].query) == TARGETS[target]


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
def test_an_offered_upgrade_is_passed_over_and_the_body_still_read(front: Fronts, framing: bytes) -> None:
    server = front()
    offer = POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" + framing
    with server.connect() as client:
        for cut in range(len(POST), len(offer)):
            client.send(offer[:cut], offer[cut:])
            assert client.answer().body == b"POST / hello"
        client.send(offer + offer)
        assert [client.answer().status, client.answer().status] == [200, 200]
