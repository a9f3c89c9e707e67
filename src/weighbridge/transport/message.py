"""One request and its one answer, as a handler sees them."""

import asyncio
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Protocol

REASONS: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

Headers = tuple[tuple[bytes, bytes], ...]


class Client(Protocol):
    """What a reply asks of the connection it goes out on."""

    @property
    def lost(self) -> bool:
        """Nothing written arrives any more."""
        ...

    @property
    def left(self) -> bool:
        """Once lost: whether by the client's doing, not by ours."""
        ...

    @property
    def choked(self) -> asyncio.Future[None] | None:
        """Resolved once more may be written; None when it may be already."""
        ...

    @property
    def peer(self) -> str | None:
        """The client's address, without its port; None where it has none, as on a unix socket."""
        ...

    @property
    def draining(self) -> bool:
        """Whether the connection ends with this answer, the server being about to stop."""
        ...

    def write(self, data: bytes) -> None:
        """Bytes for the client, at the end of this turn of the loop; nothing happens when it has gone."""
        ...

    def streamed(self) -> None:
        """What was written is a piece of an answer under way: it is in a hurry."""
        ...

    def close(self) -> None:
        """Let go of the client once it has everything."""
        ...

    def abort(self) -> None:
        """Drop the client without a word."""
        ...

    def switch(self, successor: "Successor") -> None:
        """Whatever the client sends from now on is in another protocol, and the successor's."""
        ...


class Successor(Protocol):
    """Goes on with a connection once its client and we have switched to another protocol."""

    def received(self, data: bytes) -> None:
        """Some more bytes, cut anywhere."""
        ...

    def stopping(self) -> None:
        """The server is about to stop: what is under way may end, nothing new begins."""
        ...


class Request:
    """One request, whole. Header names are lower case; a repeated header is joined by `, `.

    `target` is in origin form (`/path?query`), or `*` for OPTIONS. `upgrade` is the protocol that the client offers to
    switch to, in lower case; empty where it offers none.
    """

    __slots__ = ("body", "headers", "method", "target", "upgrade")

    def __init__(
        self, method: str = "", target: bytes = b"", headers: dict[bytes, bytes] | None = None, body: bytes = b""
    ) -> None:
        self.method = method
        self.target = target
        self.headers = {} if headers is None else headers
        self.body = body
        self.upgrade = b""

    @property
    def path(self) -> str:
        """The path, percent-decoded, without the query."""
        raw = self.target.partition(b"?")[0].decode("latin-1")
        return urllib.parse.unquote(raw) if "%" in raw else raw

    @property
    def query(self) -> Mapping[str, str]:
        """The query's fields, those without a value too; the last of a repeated one wins."""
        raw = self.target.partition(b"?")[2].decode("latin-1")
        return dict(urllib.parse.parse_qsl(raw, keep_blank_values=True))


class Reply:
    """The one answer to one request: `send` it whole, or `start`, `write` and `end` it.

    Once the client has left, whatever is written goes nowhere, silently. `headers` never hold the framing
    (Content-Length, Transfer-Encoding, Connection), which is ours; a line break in one is a ValueError.
    """

    __slots__ = ("_chunked", "_connection", "_headless", "_last", "also", "called_off", "ended", "started")

    def __init__(self, connection: "Client", *, headless: bool, last: bool, chunked: bool) -> None:
        self._connection = connection
        self._headless = headless
        self._last = last
        self._chunked = chunked
        """Whether the client speaks 1.1; to one of 1.0, a body of unknown length ends with the connection."""
        self.also: Headers = ()
        """Headers the answer has besides its own, whoever comes to give it (CORS)."""
        self.called_off = False
        """The client has said, on another connection, that it wants no more of it."""
        self.started = False
        self.ended = False

    @property
    def peer(self) -> str | None:
        """The address that the request came from, without its port; None where there is none."""
        return self._connection.peer

    @property
    def left(self) -> bool:
        """Whether the client wants no more: it has called the answer off, or has gone, so that nothing written arrives.

        False where it was we who cut it off.
        """
        return self.called_off or (self._connection.lost and self._connection.left)

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """The whole answer at once."""
        if status in (204, 304):
            body = framing = b""
        else:
            framing = b"content-length: %d\r\n" % len(body)
        head = self._head(status, headers, framing)
        self._connection.write(head if self._headless else head + body)
        self._finish()

    def start(self, status: int, headers: Headers) -> None:
        """The head of an answer whose length nobody knows yet."""
        framing = b"transfer-encoding: chunked\r\n" if self._chunked else b""
        self._last = self._last or not self._chunked
        self._connection.write(self._head(status, headers, framing))

    def switch(self, headers: Headers, successor: Successor) -> Client:
        """Accept the protocol that the request offers (101): `write` and `end` are bytes of that from now on.

        The connection ends with the reply. `headers` say which protocol it is.
        """
        self._connection.write(REASONS[101] + self._lines(headers) + b"connection: upgrade\r\n\r\n")
        self._chunked = False
        self._last = True
        self._connection.switch(successor)
        return self._connection

    def write(self, data: bytes) -> None:
        """Some more of the body. Await `drain` when `choked`."""
        if self.ended:
            return
        if data and not self._headless:
            self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
            self._connection.streamed()

    def end(self, data: bytes = b"") -> None:
        """The last of the body, which may be empty."""
        if self.ended:
            return
        if self._headless:
            data = b""
        elif self._chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        if data:
            self._connection.write(data)
        self._finish()

    def abort(self) -> None:
        """Break the answer off so that the client can tell it is not whole."""
        self.ended = True
        self._connection.abort()

    @property
    def unframed(self) -> bool:
        """Whether only the connection's end tells the client where the body ends."""
        return self.started and not self._chunked

    @property
    def choked(self) -> bool:
        """Whether the client reads slower than we write."""
        return self._connection.choked is not None

    async def drain(self) -> None:
        """Wait until the client has read enough for more to be written."""
        choked = self._connection.choked
        if choked is not None:
            await choked

    def _head(self, status: int, headers: Headers, framing: bytes) -> bytes:
        lines = self._lines(headers)
        if self._last or self._connection.draining:
            self._last = True
            end = b"connection: close\r\n\r\n"
        else:
            end = b"\r\n" if self._chunked else b"connection: keep-alive\r\n\r\n"
        return (REASONS.get(status) or b"HTTP/1.1 %d \r\n" % status) + lines + framing + end

    def _lines(self, headers: Headers) -> bytes:
        """The answer's headers: it begins with them."""
        if self.started:
            raise RuntimeError("a request is answered once")
        if self.also:
            headers = (*headers, *self.also)
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
            raise ValueError("a header of the answer holds a line break")
        self.started = True
        return lines

    def _finish(self) -> None:
        self.ended = True
        if self._last:
            self._connection.close()
