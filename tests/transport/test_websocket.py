"""A WebSocket on a connection of the front: its handshake, its frames, its bounds and its ends."""

import asyncio
import socket
import threading
from typing import Self

import pytest

from tests.frames import ACCEPTED, Frames, handshake
from tests.transport.front import PATIENCE, Client, Front, Fronts
from tests.transport.test_server_drain import draining
from weighbridge.errors import UpgradeRequired
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Limits
from weighbridge.transport.websocket import OFFER, Bounds, WebSocket, accept

SHAKE = handshake(b"/")
ASKED = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


class Echo:
    """Says each text again; `wait` is never answered, and what becomes of it is noted."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self.began = threading.Event()
        self.cut = threading.Event()
        self.left: bool | None = None
        self.ended = threading.Event()

    async def __call__(self, request: Request, reply: Reply) -> None:
        try:
            spoken = accept(request, reply, self._bounds)
        except UpgradeRequired as exc:
            reply.send(exc.status, OFFER, exc.message.encode())
            return
        try:
            while (text := await spoken.receive()) is not None:
                await spoken.during(self._answer(spoken, text))
            spoken.end()
        finally:
            self.ended.set()

    async def _answer(self, spoken: WebSocket, text: bytes) -> None:
        if text != b"wait":
            spoken.write(text)
            return
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left = spoken.lost and spoken.left
            self.cut.set()


class Talk:
    """A client that has shaken hands."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.frames = Frames()
        client.send(SHAKE)
        self.head = client.answer_head()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.leave()

    def until(self, seen: str) -> None:
        """Read until there is some of this: `texts`, `pongs`, `pings` or `closed`."""
        while not getattr(self.frames, seen):
            self.frames.feed(self.client.some(65536))

    def closed(self) -> int:
        """The code with which the server closes, and then its connection."""
        self.until("closed")
        assert self.client.rest() == b""
        assert self.frames.closed is not None
        return self.frames.closed[0]


def talk(server: Front) -> Talk:
    return Talk(server.connect())


def test_the_handshake_is_that_of_the_rfc(front: Fronts) -> None:
    with talk(front(Echo())) as talking:
        assert talking.head.status == 101
        assert talking.head.headers[b"upgrade"] == b"websocket"
        assert talking.head.headers[b"connection"] == b"upgrade"
        assert talking.head.headers[b"sec-websocket-accept"].lower() == ACCEPTED.lower()


BAD = {
    "no offer": ASKED,
    "another protocol": ASKED[:-2] + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "no version": handshake(b"/", without=b"sec-websocket-version"),
    "another version": handshake(b"/", (b"sec-websocket-version", b"8"), without=b"sec-websocket-version"),
    "no key": handshake(b"/", without=b"sec-websocket-key"),
    "a short key": handshake(b"/", (b"sec-websocket-key", b"c2hvcnQ="), without=b"sec-websocket-key"),
    "a key that is none": handshake(b"/", (b"sec-websocket-key", b"\xff?"), without=b"sec-websocket-key"),
    "another method": handshake(b"/", (b"content-length", b"0"), method=b"POST"),
    "an old version of HTTP": SHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"),
}


@pytest.mark.parametrize("request_", BAD.values(), ids=BAD.keys())
def test_what_is_no_handshake_is_told_how_and_the_connection_goes_on(front: Fronts, request_: bytes) -> None:
    with front(Echo()).connect() as client:
        client.send(request_)
        answer = client.answer()
        assert (answer.status, answer.headers[b"upgrade"]) == (426, b"websocket")
        if request_ is not BAD["an old version of HTTP"]:
            client.send(ASKED)
            assert client.answer().status == 426


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_texts_come_and_go_however_they_are_cut(front: Fronts, size: int) -> None:
    texts = ["", "Hello.", "Grüße 🎈", "x" * 125, "y" * 126, "z" * 70_000]
    with talk(front(Echo(Bounds(waiting=99)))) as talking:
        sent = b"".join(map(talking.frames.text, texts[: 5 if size < 4096 else 6]))
        talking.client.send(*(sent[at : at + size] for at in range(0, len(sent), size)))
        while len(talking.frames.texts) < (5 if size < 4096 else 6):
            talking.frames.feed(talking.client.some(size))
        assert talking.frames.texts == texts[: len(talking.frames.texts)]


def test_a_text_may_come_in_pieces_with_pings_between(front: Fronts) -> None:
    with talk(front(Echo())) as talking:
        frames = talking.frames
        talking.client.send(frames.text("Hel", last=False), frames.ping(b"there?"), frames.text("lo."))
        talking.until("texts")
        assert (frames.texts, frames.pongs) == (["Hello."], [b"there?"])


def broken(how: str, frames: Frames) -> bytes:
    """Bytes that break the protocol."""
    return {
        "binary": frames.binary(b"x"),
        "not masked": b"\x81\x01x",
        "no opcode": b"\x83\x80\0\0\0\0",
        "reserved bits": b"\xf1\x80\0\0\0\0",
        "not UTF-8": b"\x81\x81\0\0\0\0\xff",
        "nothing to continue": b"\x80\x80\0\0\0\0",
        "a long ping": b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126),
    }[how]


CODES = {"binary": 1003, "not UTF-8": 1007}


@pytest.mark.parametrize(
    "how", ["binary", "not masked", "no opcode", "reserved bits", "not UTF-8", "nothing to continue", "a long ping"]
)
def test_a_client_that_breaks_the_protocol_is_told_and_let_go(front: Fronts, how: str) -> None:
    echo = Echo()
    with talk(front(echo)) as talking:
        talking.client.send(broken(how, talking.frames))
        assert talking.closed() == CODES.get(how, 1002)
    assert echo.ended.wait(PATIENCE)


def test_a_message_over_the_bound_is_refused_however_it_comes(front: Fronts) -> None:
    server = front(Echo(Bounds(message_bytes=1000)))
    for pieces in (["x" * 1001], ["x" * 600, "x" * 401], ["é" * 501]):
        with talk(server) as talking:
            *first, last = pieces
            for each in first:
                talking.client.send(talking.frames.text(each, last=False))
            talking.client.send(talking.frames.text(last))
            assert talking.closed() == 1009
    with talk(server) as talking:
        talking.client.send(talking.frames.text("x" * 1000))
        talking.until("texts")


def test_a_close_reaches_a_client_that_goes_on_sending(front: Fronts) -> None:
    with talk(front(Echo(Bounds(message_bytes=1000)))) as talking:
        talking.client.send_while_open(*(talking.frames.text("x" * 60_000, last=False) for _ in range(50)))
        assert talking.closed() == 1009


def test_more_messages_than_may_wait_are_refused(front: Fronts) -> None:
    echo = Echo(Bounds(waiting=2))
    with talk(front(echo)) as talking:
        talking.client.send(talking.frames.text("wait"))
        assert echo.began.wait(PATIENCE)
        talking.client.send(*(talking.frames.text("more") for _ in range(3)))
        assert talking.closed() == 1008
    assert echo.cut.wait(PATIENCE)


@pytest.mark.parametrize("how", ["close", "end", "reset"])
def test_a_client_that_leaves_in_the_middle_cuts_what_is_done_for_it(front: Fronts, how: str) -> None:
    echo = Echo()
    server = front(echo)
    with talk(server) as talking:
        talking.client.send(talking.frames.text("wait"))
        assert echo.began.wait(PATIENCE)
        if how == "close":
            talking.client.send(talking.frames.close())
            assert talking.closed() == 1000
        elif how == "end":
            talking.client.socket.shutdown(socket.SHUT_WR)
        else:
            talking.client.leave()
        assert echo.cut.wait(PATIENCE)
        assert echo.left is True
    assert echo.ended.wait(PATIENCE)
    server.until_open(0)


@pytest.mark.parametrize(("code", "back"), [(1000, 1000), (1001, 1001), (3000, 1000), (4999, 1000)])
def test_a_close_is_answered(front: Fronts, code: int, back: int) -> None:
    with talk(front(Echo())) as talking:
        talking.client.send(talking.frames.close(code))
        assert talking.closed() == back


def test_a_close_without_a_code_is_answered(front: Fronts) -> None:
    with talk(front(Echo())) as talking:
        talking.client.send(b"\x88\x80\0\0\0\0")
        assert talking.closed() == 1000


def test_a_silent_client_is_pinged_and_one_that_stays_silent_let_go(front: Fronts) -> None:
    server = front(Echo(Bounds(silence_seconds=0.1)))
    with talk(server) as alive, talk(server) as dead:
        for _ in range(3):
            alive.until("pings")
            alive.frames.pings = 0
            alive.client.send(alive.frames.pong())
        dead.until("pings")
        assert dead.client.is_closed() or dead.frames.closed is None
        server.until_open(1)


def test_an_idle_client_is_let_go(front: Fronts) -> None:
    with talk(front(Echo(Bounds(idle_seconds=0.05)))) as talking:
        assert talking.closed() == 1000


def test_a_stop_ends_an_idle_one_at_once_and_a_busy_one_in_the_end(front: Fronts) -> None:
    echo = Echo()
    server = front(echo)
    with talk(server) as idle, talk(server) as busy:
        busy.client.send(busy.frames.text("wait"))
        assert echo.began.wait(PATIENCE)
        with draining(server, 0.3) as drained:
            assert idle.closed() == 1001
            idle.client.leave()
            assert drained.result(PATIENCE) == 1
        assert echo.cut.wait(PATIENCE)
        assert echo.left is False
        assert busy.client.is_closed()


def test_what_waits_when_the_server_stops_is_not_begun(front: Fronts) -> None:
    gate, done = asyncio.Event(), []

    async def slow(request: Request, reply: Reply) -> None:
        spoken = accept(request, reply, Bounds())

        async def answer(text: bytes) -> None:
            await gate.wait()
            done.append(text)
            spoken.write(text)

        while (text := await spoken.receive()) is not None:
            await spoken.during(answer(text))
        spoken.end()

    server = front(slow)
    with talk(server) as talking:
        talking.client.send(talking.frames.text("one"), talking.frames.text("two"), talking.frames.ping(b""))
        talking.until("pongs")
        with draining(server):
            server.call(gate.set)
            assert talking.closed() == 1001
            talking.client.leave()
    assert (talking.frames.texts, done) == (["one"], [b"one"])


def test_one_that_begins_while_the_server_stops_ends_at_once(front: Fronts) -> None:
    gate, began = asyncio.Event(), threading.Event()

    async def late(request: Request, reply: Reply) -> None:
        began.set()
        await gate.wait()
        spoken = accept(request, reply, Bounds())
        assert await spoken.receive() is None
        spoken.end()

    server = front(late)
    with server.connect() as client:
        client.send(handshake(b"/"))
        assert began.wait(PATIENCE)
        with draining(server) as drained:
            server.call(gate.set)
            assert client.answer_head().status == 101
            assert client.exactly(4)[2:] == b"\x03\xe9"  # 1001: the server is going away
            client.leave()
            assert drained.result(PATIENCE) == 0


def test_frames_sent_before_the_handshake_is_answered_are_nobodys(front: Fronts) -> None:
    server = front(Echo())
    with server.connect() as client:
        client.send_while_open(SHAKE + Frames().text("too early"))
        try:
            head = client.answer_head()
        except (EOFError, ConnectionError):
            pass
        else:
            assert head.status in (101, 400)
            client.rest()
    server.until_open(0)


def test_a_request_before_on_the_same_connection_changes_nothing(front: Fronts) -> None:
    with front(Echo()).connect() as client:
        client.send(ASKED)
        assert client.answer().status == 426
        talking = Talk(client)
        assert talking.head.status == 101
        client.send(talking.frames.text("Hello."))
        talking.until("texts")
        assert talking.frames.texts == ["Hello."]


def test_a_client_that_takes_nothing_is_let_go(front: Fronts) -> None:
    async def flood(request: Request, reply: Reply) -> None:
        spoken = accept(request, reply, Bounds())
        while not spoken.lost:
            spoken.write(b"x" * 65536)
            await reply.drain()

    server = front(flood, Limits(write_seconds=0.3))
    with Talk(server.connect(buffer=4096)) as talking:
        assert talking.head.status == 101
        server.until_open(0)
