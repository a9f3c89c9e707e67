"""`Expect: 100-continue`: a client asks before it sends its body."""

import asyncio

from tests.transport.front import Fronts
from tests.transport.test_heads import between
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Limits

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n"


def test_a_client_that_waits_is_told_to_go_on_once(front: Fronts) -> None:
    with front().connect() as client:
        for cut in range(1, len(HEAD)):
            client.send(HEAD[:cut], HEAD[cut:])
            assert client.answer().status == 100
            client.send(b"he", b"llo")
            assert client.answer().body == b"POST / hello"


def test_a_client_that_does_not_wait_is_only_answered(front: Fronts) -> None:
    with front().connect() as client:
        client.send(HEAD + b"hello")
        assert client.answer().status == 200


def test_a_body_over_the_limit_is_refused_before_it_is_sent(front: Fronts) -> None:
    server = front(limits=Limits(body_bytes=4))
    assert [answer.status for answer in server.ask(HEAD)] == [413]
    assert server.calls == []


def test_a_client_that_waits_behind_another_request_is_told_when_its_turn_comes(front: Fronts) -> None:
    gate = asyncio.Event()

    async def gated(request: Request, reply: Reply) -> None:
        await gate.wait()
        reply.send(200, (), request.body)

    server = front(gated)
    with server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + HEAD)
        server.call(gate.set)
        assert [client.answer().status, client.answer().status] == [200, 100]
        client.send(b"hello")
        assert client.answer().body == b"hello"


def test_a_client_of_1_0_is_not_told(front: Fronts) -> None:
    server = front()
    with server.connect() as client:
        client.send(HEAD.replace(b"1.1", b"1.0"))
        server.call(lambda: None)  # by now it has been read
        client.send(b"hello")
        assert client.answer().body == b"POST / hello"


def test_a_client_that_asks_once_is_told_once(front: Fronts) -> None:
    plain = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
    with front().connect() as client:
        client.send(plain + b"first")
        assert client.answer().body == b"POST / first"
        client.send(plain + b"se")
        between()
        client.send(b"nd." + HEAD + b"third")
        assert [client.answer().body for _ in range(2)] == [b"POST / send.", b"POST / third"]
        client.send(plain)
        between()
        client.send(b"again")
        answer = client.answer()
        assert (answer.status, answer.body) == (200, b"POST / again")
