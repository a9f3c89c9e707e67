"""The front: an HTTP/1.1 server that reads whole requests and streams answers.

It knows no paths and no JSON. A request reaches the handler complete and bounded; the handler answers
through `Reply`. When the client leaves, the handler's task is cancelled: whoever holds something closes
it in a `finally`. A client that closes its sending side has left (as nginx reads it): a generation
nobody reads must not go on. Work done after the answer's end is not cancelled by the client's leaving.

Framing is llhttp's strict mode (both Content-Length and Transfer-Encoding, bad chunks, bare CR, spaces
before a colon: refused); what it leaves open is refused here (codings but `chunked`, not exactly one Host,
versions but 1.0 and 1.1). Trailers are read and dropped. An offer to upgrade is passed over (RFC 9110 §7.8) unless the
handler takes it (`Reply.switch`).
"""

import asyncio
import contextlib
import logging
import re
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NoReturn, cast

import httptools

from weighbridge.transport.deadlines import NEVER, Deadlines
from weighbridge.transport.heads import Head
from weighbridge.transport.message import Reply, Request, Successor
from weighbridge.transport.outbox import Outbox
from weighbridge.transport.switched import Switched
from weighbridge.transport.turns import Turns

log = logging.getLogger(__name__)

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_HELD: Final = 16 * 1024
"""Bytes that wait for the end of the turn; with more they are sent at once: a writer must hear that it is choked."""
_READ_AHEAD: Final = 64 * 1024
"""Bytes read ahead while an answer is under way, give or take one read."""
_DISCARDED: Final = 64 * 1024 * 1024
"""Bytes a client may send beyond its last request, or after a refusal, before it is cut off."""
_UNSENT: Final = 128 * 1024
"""Bytes the kernel holds for a client beyond those on their way."""
_REPEATED: Final = 100
"""Header lines of one request that may repeat a name: joining them costs the square of their number."""
_TURNED_AWAY: Final = 256
"""Clients over the limit of connections that hear why at the same time; more are dropped without a word."""
_GUESSES: Final = 4
"""Heads that are kept to see whether they come again, before it is given up on a connection."""
_UPGRADING: Final = frozenset((b"connection", b"upgrade", b"http2-settings"))
_RESET: Final = struct.pack("ii", 1, 0)
_ABSOLUTE: Final = re.compile(rb"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds and counts a client is held to."""

    body_bytes: int = 32 * 1024 * 1024
    header_bytes: int = 32 * 1024
    header_seconds: float = 10
    """From the first byte of a request to the end of its head."""
    body_seconds: float = 60
    """From the end of the head to the end of the body."""
    write_seconds: float = 60
    """A client that takes nothing of its answer for so long is let go; one that takes little may go on."""
    linger_seconds: float = 5
    """How long a refused client may go on sending, unread, while it gets to its answer."""
    keep_alive_seconds: float = 75
    keep_alive_requests: int = 10_000
    connections: int = 10_000


Work = tuple[Request, Reply]
Handler = Callable[[Request, Reply], Awaitable[None]]
Refuse = Callable[[Reply, int, str, bytes], None]
"""How the owner of the server words a refusal: the reply, the status, what was wrong, the target as far as it came."""


class _Stopped(Exception):
    """Raised into the parser so that it reads no further."""


class Connection(asyncio.Protocol):
    """One client. Reads requests one after the other and runs the handler for each in turn.

    Reading ends with the last request or with a refusal, which is said when the answers before it are out.
    """

    __slots__ = (
        "__weakref__",
        "_ahead",
        "_begun",
        "_body",
        "_closing",
        "_discarded",
        "_expecting",
        "_following",
        "_guesses",
        "_head",
        "_headers",
        "_held",
        "_in_head",
        "_latest",
        "_measured",
        "_missing",
        "_offered",
        "_packet",
        "_parser",
        "_paused",
        "_reading",
        "_received",
        "_receiving",
        "_refusal",
        "_repeated",
        "_reply",
        "_request",
        "_resting",
        "_runner",
        "_served",
        "_size",
        "_successor",
        "_timed",
        "_transport",
        "_unread",
        "_unsent",
        "_untaken",
        "_upgrading",
        "_waiting",
        "busy",
        "choked",
        "deadline",
        "left",
        "lost",
        "server",
    )

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.deadline = NEVER
        self.lost = False
        """Nothing written arrives any more."""
        self.left = True
        """Once lost: whether by the client's doing, not by ours."""
        self.choked: asyncio.Future[None] | None = None
        self.busy = False
        """A request is being answered, or is about to be."""
        self._begun = False
        """Its handler runs."""
        self._runner: asyncio.Task[None] | None = None
        self._resting: asyncio.Future[None] | None = None
        """What the runner waits for between two requests."""
        self._following: Work | None = None
        """What it goes on with."""
        self._reply: Reply | None = None
        """The answer under way, or the last one."""
        self._successor: Successor | None = None
        self._waiting: deque[Work] = deque()
        self._refusal: tuple[HTTPStatus, str] | None = None
        self._served = 0
        self._begin_reading()

    def _begin_reading(self) -> None:
        # the request being read
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._headers = self._request.headers
        self._body: bytes | bytearray = b""
        self._size = self._repeated = 0
        """Bytes of body, and headers with a name that had been, so far."""
        self._receiving = self._in_head = False
        self._timed: bool | None = None
        """The `_in_head` for which the deadline stands; None while the request has come in one read."""
        self._packet = 0
        self._received = 0
        """Bytes of head, or bringing no body, since the first read that ended inside it."""
        self._measured = 0
        """The `_size` when `_received` began."""
        self._head: Head | None = None
        """The one that came last, which may come again."""
        self._guesses = _GUESSES
        self._latest: Request | None = None
        """The request that was parsed last, until its head has been looked at."""
        self._missing = 0
        """Bytes still to come of a body whose head was known."""
        # what keeps reading and writing bounded
        self._reading = True
        self._expecting = self._upgrading = self._paused = self._closing = False
        self._offered = b""
        """The protocol that the request offers to switch to."""
        self._unread = False
        """Whether the client sent more than we shall read."""
        self._ahead = self._discarded = self._held = 0
        self._unsent: list[bytes] = []
        self._untaken = 0
        """Bytes the client had still to take when its time began."""

    # the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol's transport is one
        self._transport.set_write_buffer_limits(high=0)  # else uvloop keeps what is flushed until the turn's end
        self.deadline = self.server.deadlines.now() + self.server.limits.header_seconds
        full = self.server.admit(self)
        if self.server.crowded:
            self.abort()
        elif full is not None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, full)

    def data_received(self, data: bytes) -> None:
        if not self._reading:
            self.discard(len(data))
            return
        self._packet = len(data)
        if self.busy or self.choked is not None:
            self._ahead += len(data)
            if self._ahead > _READ_AHEAD:
                self._paused = True
                self._transport.pause_reading()
        if self._missing:
            self._more(data)
        elif self._receiving:
            self._feed(data)
            self._latest = None
        else:
            known = None if self._head is None else self._head.again(data, self.server.limits.body_bytes)
            if known is None:
                self._feed(data)
                self._learn(data)
            elif not known[1]:
                self._guesses = _GUESSES
                self._accept(known[0], last=False, chunked=True)
                return
            else:
                self._recognise(*known)
        if self._receiving and self._reading:
            self._await_rest()

    def eof_received(self) -> bool:
        if self._reply is not None and not self._reply.ended:
            self.abort()  # half closed is gone, and what it had not taken need not be waited for
        else:
            self.close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.deadline = NEVER
        self._waiting.clear()
        self._unchoke()
        reply, self._reply = self._reply, None
        del self._parser  # it and the reply hold us: with both gone, no cycle is left for the collector
        if self._runner is None or not self._begun:
            self._go()
            return
        self._runner.add_done_callback(self._ended)
        if reply is not None and not reply.ended:
            self._runner.cancel()

    def pause_writing(self) -> None:
        self.choked = asyncio.get_running_loop().create_future()
        self._untaken = self._transport.get_write_buffer_size()
        self.deadline = self.server.deadlines.now() + self.server.limits.write_seconds

    def resume_writing(self) -> None:
        self._unchoke()
        if self._closing:
            return
        if self.busy:
            self.deadline = NEVER
        else:
            self._next()

    # the parser's calls

    def on_message_begin(self) -> None:
        if not self._reading:
            raise _Stopped  # beyond the last request
        if self._request.target:  # begun before, and to be read again without its offer to upgrade
            self._request = Request()
        self._headers = self._request.headers
        self._body = b""
        self._size = self._repeated = 0
        self._receiving = self._in_head = True
        self._timed = None

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        headers, name, value = self._headers, name.lower(), value.rstrip()
        if name in headers:
            self._repeated += 1
            if self._repeated > _REPEATED:
                self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request repeats too many headers")
            value = b"%b, %b" % (headers[name], value)
        headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        request, parser, limits = self._request, self._parser, self.server.limits
        request.method = parser.get_method().decode("latin-1")
        version = parser.get_http_version()
        fault = _fault(request, version)
        if fault is not None:
            self._stop(*fault)
        if (self._packet > limits.header_bytes or self._timed) and _head_bytes(request) > limits.header_bytes:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's headers are too large")
        headers = request.headers
        length = headers.get(b"content-length")
        if length is not None and int(length) > limits.body_bytes:
            self._stop(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over the limit of {limits.body_bytes:,} bytes"
            )
        if b"transfer-encoding" in headers:
            self._headers = {}  # for the trailers
        self._expecting = b"expect" in headers and version == "1.1"
        self._upgrading = b"upgrade" in headers and parser.should_upgrade()
        if self._upgrading and version == "1.1":
            self._offered = headers[b"upgrade"].lower()
        if request.target[:1] != b"/":
            request.target = _origin_form(request.target)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        limit = self.server.limits.body_bytes
        if self._size > limit:
            self._stop(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over the limit of {limit:,} bytes")
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body) + body

    def on_message_complete(self) -> None:
        self._receiving = False
        if self._upgrading:
            return  # the parser stops here; `_feed` has it read again
        request, self._request = self._request, Request()  # not kept: its body may be large, and the next far off
        request.body = bytes(self._body)
        self._body = b""
        if self._offered:
            request.upgrade, self._offered = self._offered, b""
        self._latest = request
        last = not self._parser.should_keep_alive()
        self._accept(request, last=last, chunked=self._parser.get_http_version() != "1.0")

    def _accept(self, request: Request, *, last: bool, chunked: bool) -> None:
        """It has come whole."""
        self._served += 1
        last = last or self._served >= self.server.limits.keep_alive_requests
        self._reading = not last
        reply = Reply(self, headless=request.method == "HEAD", last=last, chunked=chunked)
        if not self.busy and self.choked is None:
            self._serve(request, reply)
        else:
            self._waiting.append((request, reply))

    # the reply's calls

    @property
    def peer(self) -> str | None:
        """The client's address; None where it has none."""
        known = self._transport.get_extra_info("peername")
        return str(known[0]) if isinstance(known, tuple) and known else None

    @property
    def draining(self) -> bool:
        """Whether the server is about to stop."""
        return self.server.draining

    def write(self, data: bytes) -> None:
        """Bytes for the client, at the end of this turn of the loop; nothing happens when it has gone."""
        if not self._unsent:
            self.server.outbox.add(self)
        self._unsent.append(data)
        self._held += len(data)
        if self._held > _HELD:
            self.flush()

    def streamed(self) -> None:
        """What was written is a piece of an answer under way: it is in a hurry."""
        self.server.turns.streamed()
        self.server.outbox.hurry()

    def flush(self) -> None:
        """Send what was written in this turn."""
        unsent = self._unsent
        if unsent and not self.lost:
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))
        unsent.clear()
        self._held = 0

    def close(self) -> None:
        """Let go of the client once it has everything; the task that answered may still be tidying up."""
        if self.lost or self._closing:
            return
        limits = self.server.limits
        unread = self._unread or self._receiving or self._waiting
        self._closing = True
        self._reading = False
        self._waiting.clear()
        self.flush()
        self._untaken = self._transport.get_write_buffer_size()
        seconds = limits.write_seconds if self._untaken else limits.linger_seconds
        self.deadline = self.server.deadlines.now() + seconds
        if unread:
            # To close with bytes unread makes the kernel reset, and the reset takes our answer with it.
            self._resume()
            self._transport.write_eof()
        else:
            self._transport.close()

    def switch(self, successor: Successor) -> None:
        """What comes from now on is the successor's."""
        if self._receiving or self._waiting or self._unread or self._refusal is not None:
            self.abort()  # it sent more before it could know that we switch: in which protocol, nobody can tell
            return
        self._successor = successor
        self._reading = False
        self._unread = True  # whenever we end it, the client may be sending
        self._resume()
        self._transport.set_protocol(Switched(self, successor))

    @property
    def answering(self) -> bool:
        """Whether an answer has begun to leave and has not ended."""
        reply = self._reply
        return reply is not None and reply.started and not reply.ended

    @property
    def closing(self) -> bool:
        """Whether the client has been let go of."""
        return self._closing or self.lost

    def abort(self) -> None:
        """Drop the client without a word."""
        if self.lost:
            return
        self.lost = True
        if self._reply is not None and self._reply.unframed:
            # A plain end would look like a whole answer.
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    # the server's calls

    def expire(self) -> None:
        """A time limit has passed: a slow sender is told, an idle or a stuck client is dropped."""
        if self.lost:
            return
        untaken = self._transport.get_write_buffer_size()
        if 0 < untaken < self._untaken:
            self._untaken = untaken
            self.deadline = self.server.deadlines.now() + self.server.limits.write_seconds
        elif untaken or self._closing or self.busy:
            self.abort()
        elif self._receiving:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to arrive")
        else:
            self.close()

    def hang_up_if_idle(self) -> bool:
        """Close a connection on which nothing is under way; say whether it was so."""
        if self._successor is not None:
            self._successor.stopping()
        idle = not self.busy and self.choked is None and not self._receiving
        if idle:
            self.close()
        return idle

    def cut(self) -> bool:
        """End it now, handler and all; say whether an answer was under way."""
        self.left = False
        answering = self._reply is not None and not self._reply.ended
        self.abort()
        if self._runner is not None and self._begun:
            self._runner.cancel()
        return answering

    # our own

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as exc:
                # The parser takes an offered upgrade for accepted, body unread: it is given the head without it.
                data = _without_upgrade(self._request, self._parser.get_http_version()) + data[exc.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError as exc:
                self._refuse(HTTPStatus.BAD_REQUEST, f"the request is not HTTP/1.1: {exc}")
                return
            else:
                return

    def _learn(self, data: bytes) -> None:
        """Keep the head of a request that these bytes began with, as long as it is worth the while."""
        request, self._latest = self._latest, None
        self._head = None
        size = self._size
        if self._receiving:
            request = self._request
        if request is None or self._in_head or not self._reading or not self._guesses:
            return
        if len(data) - size <= self.server.limits.header_bytes and self._parser.get_http_version() == "1.1":
            self._guesses -= 1
            self._head = Head.of(data, request, size)

    def _recognise(self, request: Request, missing: int) -> None:
        """A head that was said before, with so many bytes of its body still to come."""
        self._guesses = _GUESSES
        self._request = request
        self._body, self._size, self._missing = request.body, len(request.body), missing
        self._receiving, self._in_head, self._timed = True, False, None
        self._expecting = False  # said in a head that came behind the last body, perhaps

    def _more(self, data: bytes) -> None:
        """Some more of a body whose head was said before, and perhaps of what comes behind it."""
        body, beyond = data[: self._missing], data[self._missing :]
        self._missing -= len(body)
        self.on_body(body)
        if self._missing:
            return
        self._receiving = False
        request, self._request = self._request, Request()
        request.body, self._body = bytes(self._body), b""
        self._accept(request, last=False, chunked=True)
        if beyond and self._reading:
            self._feed(beyond)
            self._latest = None
        elif beyond:
            self.discard(len(beyond))

    def _await_rest(self) -> None:
        """A read ended inside a request: bound what is still to come, in time and in size."""
        if self._timed is not self._in_head:
            self._timed = self._in_head
            self._received = self._measured = 0
            if not self.busy and self.choked is None:
                self._expect()
        elif self._size != self._measured:
            self._measured, self._received = self._size, 0
        else:
            self._received += self._packet
        if self._received > self.server.limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's headers or framing are too large")

    def _serve(self, request: Request, reply: Reply) -> None:
        self.deadline = NEVER
        self.busy = True
        self._reply = reply
        self._following = (request, reply)
        self.server.turns.take(self)

    def begin(self) -> None:
        """The turn of the request that came last: run its handler."""
        if self.lost:
            return
        self._begun = True
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run())
        elif self._resting is not None:
            self._resting.set_result(None)
            self._resting = None

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._go()  # a task that is cancelled before its first step has no `finally`

    def _go(self) -> None:
        """Gone, and nothing of it runs any more."""
        self.busy = False
        self._following = None
        if self._resting is not None:
            self._resting.set_result(None)
            self._resting = None
        self.server.dismiss(self)

    async def _run(self) -> None:
        """One task for all requests of a connection: to make one for each takes longer than to wake it.

        Between two it holds neither: a body may be large, and a client may stay for long.
        """
        while True:
            work, self._following = self._following, None
            if work is None:
                break
            reply = work[1]
            try:
                await self.server.handler(*work)
            except asyncio.CancelledError:
                self.abort()
                raise
            except Exception:
                log.exception("the handler failed")
            finally:
                self._handled(reply)
            del work, reply
            if not self._begun and not self.lost and not self._closing:
                self._resting = asyncio.get_running_loop().create_future()
                await self._resting
        self._runner = None

    def _handled(self, reply: Reply) -> None:
        self.busy = self._begun = False
        if not reply.ended and not self.lost:
            self._answer_for(reply)
        self._next()

    def _answer_for(self, reply: Reply) -> None:
        """The handler has ended and its answer has not."""
        if not reply.started:
            self.server.refuse(reply, HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed to answer", b"")
        if not reply.ended:
            reply.abort()

    def _next(self) -> None:
        if self.lost or self._closing or self.choked is not None:
            return
        if self._waiting:
            request, reply = self._waiting.popleft()
            if not self._waiting:
                self._resume()
            self._serve(request, reply)
        elif self._refusal is not None:
            self._say(*self._refusal)
        elif not (self.server.draining and self.hang_up_if_idle()):
            self._resume()
            self._expect()

    def _expect(self) -> None:
        """It is the client's turn, to begin a request or to go on with one."""
        limits = self.server.limits
        seconds = limits.keep_alive_seconds
        if self._receiving:
            seconds = limits.header_seconds if self._in_head else limits.body_seconds
            if self._expecting and not self._in_head and not self._size:
                self._expecting = False
                self.write(_CONTINUE)
        self.deadline = self.server.deadlines.now() + seconds

    def _refuse(self, status: HTTPStatus, what: str) -> None:
        self._unread = True
        if self._reading:
            self._reading = False
            self._refusal = (status, what)
            if not self.busy:
                self._next()

    def _say(self, status: HTTPStatus, what: str) -> None:
        self._refusal = None
        self._reply = Reply(self, headless=self._request.method == "HEAD", last=True, chunked=True)
        self.server.refuse(self._reply, status, what, self._request.target)
        if not self._reply.ended:
            self.abort()

    def _stop(self, status: HTTPStatus, what: str) -> NoReturn:
        """Refuse from inside the parser."""
        self._refuse(status, what)
        raise _Stopped

    def discard(self, size: int) -> None:
        """So many bytes came that nobody reads."""
        self._unread = True
        self._discarded += size
        if self._discarded > _DISCARDED:
            self.abort()

    def _resume(self) -> None:
        self._ahead = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _unchoke(self) -> None:
        if self.choked is not None and not self.choked.done():
            self.choked.set_result(None)
        self.choked = None


def _fault(request: Request, version: str) -> tuple[HTTPStatus, str] | None:
    """What forbids us to read on, judged by the head."""
    headers = request.headers
    if version not in ("1.1", "1.0"):
        return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this server speaks HTTP/1.1"
    if request.method == "CONNECT":
        return HTTPStatus.NOT_IMPLEMENTED, "this server is no proxy (CONNECT)"
    if b"transfer-encoding" in headers and (version == "1.0" or headers[b"transfer-encoding"].lower() != b"chunked"):
        return HTTPStatus.BAD_REQUEST, "the only transfer coding taken is chunked, and only in HTTP/1.1"
    host = headers.get(b"host")
    if (host is None and version == "1.1") or (host is not None and host.find(b",") >= 0):
        return HTTPStatus.BAD_REQUEST, "a request has one Host header"
    if b"expect" in headers and headers[b"expect"].lower() != b"100-continue":
        return HTTPStatus.EXPECTATION_FAILED, "the only expectation known is 100-continue"
    return None


def _head_bytes(request: Request) -> int:
    lines = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
    return len(request.target) + lines


def _origin_form(target: bytes) -> bytes:
    """`http://host/path` as `/path` (RFC 9112 §3.2.2); `*` stays."""
    rest, absolute = _ABSOLUTE.subn(b"", target, count=1)
    return b"/" + rest if absolute and rest[:1] != b"/" else rest


def _without_upgrade(request: Request, version: str) -> bytes:
    """The head again, offering no other protocol."""
    kept = {name: value for name, value in request.headers.items() if name not in _UPGRADING}
    if b"close" in request.headers[b"connection"].lower():
        kept[b"connection"] = b"close"
    lines = b"".join([b"%b: %b\r\n" % field for field in kept.items()])
    return b"%b %b HTTP/%b\r\n%b\r\n" % (request.method.encode(), request.target, version.encode(), lines)


class Server:
    """Listens, counts its connections, and drains: new clients are turned away, open answers end.

    `refuse` is called with 400, 408, 413, 417, 431, 500, 501, 503 or 505.
    """

    def __init__(
        self, handler: Handler, refuse: Refuse, limits: Limits, deadlines: Deadlines, turns: Turns | None = None
    ) -> None:
        self.handler = handler
        self.refuse = refuse
        self.limits = limits
        self.deadlines = deadlines
        self.outbox = Outbox()
        self.turns = turns or Turns(deadlines.now)
        self.draining = False
        self._open: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self._empty = asyncio.Event()
        self._empty.set()

    async def listen(self, listening: socket.socket) -> None:
        """Take clients from a bound socket."""
        # Else the kernel takes in megabytes before we see that a client reads nothing, or that it reads at all.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        loop = asyncio.get_running_loop()
        self._listeners.append(await loop.create_server(lambda: Connection(self), sock=listening, backlog=4096))

    @property
    def crowded(self) -> bool:
        """Whether even those who are turned away are too many."""
        return len(self._open) > self.limits.connections + _TURNED_AWAY

    def admit(self, connection: Connection) -> str | None:
        """Count it in; why it must leave again, if it must."""
        self._open.add(connection)
        self._empty.clear()
        self.deadlines.watch(connection)
        if self.draining:
            return "the server is stopping"
        if len(self._open) > self.limits.connections:
            return "the server has all the connections it can take; try again soon"
        return None

    def dismiss(self, connection: Connection) -> None:
        """It has gone, and its handler has ended."""
        self._open.discard(connection)
        self.deadlines.forget(connection)
        if not self._open:
            self._empty.set()

    def under_way(self) -> tuple[int, int, int]:
        """Open connections, those of them with a request, and those of these whose answer has begun to leave."""
        busy = [connection for connection in self._open if connection.busy]
        return len(self._open), len(busy), sum(connection.answering for connection in busy)

    async def drain(self, seconds: float) -> int:
        """Take nobody new, let open answers end for so many seconds, cut the rest; how many answers were cut.

        When it returns, every handler has ended: one that will not end keeps it waiting.
        """
        self.draining = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self._open):
            connection.hang_up_if_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        cut = [connection.cut() for connection in list(self._open)]
        await self._empty.wait()
        return sum(cut)
