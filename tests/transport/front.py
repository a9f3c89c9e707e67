"""A real front on a loop and thread of its own, and clients that speak to it in bytes."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import uvloop

from weighbridge.transport.deadlines import Deadlines
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Handler, Limits, Server

PATIENCE = 10
"""Seconds after which a test has failed; nothing waits for them to pass."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer off the wire."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Client:
    """One connection, spoken to in bytes."""

    def __init__(self, port: int, *, buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(PATIENCE)
        self._buffer = b""
        try:
            self.socket.connect(("127.0.0.1", port))
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send each piece by itself."""
        for piece in pieces:
            self.socket.sendall(piece)

    def send_while_open(self, *pieces: bytes) -> None:
        """Send as one who does not look whether the other side still takes it."""
        with contextlib.suppress(ConnectionError):
            self.send(*pieces)

    def answer(self, *, to: str = "GET") -> Answer:
        """The next answer; EOFError when it is cut short."""
        head = self.answer_head()
        if to == "HEAD" or head.status in (100, 204, 304):
            return head
        if head.headers.get(b"transfer-encoding") == b"chunked":
            return replace(head, body=self.body())
        if b"content-length" in head.headers:
            return replace(head, body=self.exactly(int(head.headers[b"content-length"])))
        return replace(head, body=self.rest())

    def answer_head(self) -> Answer:
        """The next answer without its body, which may still be under way."""
        status, *lines = self._until(b"\r\n\r\n")[:-4].split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        return Answer(int(status.split()[1]), headers, b"")

    def body(self) -> bytes:
        """The chunks to the last."""
        return b"".join(iter(self.chunk, b""))

    def some(self, most: int) -> bytes:
        """Some more bytes, as they come."""
        if not self._buffer:
            self._need()
        return self.exactly(min(most, len(self._buffer)))

    def answers(self) -> list[Answer]:
        """Every answer until the server closes."""
        answers = []
        while self._buffer or self._more():
            answers.append(self.answer())
        return answers

    def chunk(self) -> bytes:
        """The next chunk of a chunked body; empty for the last."""
        size = int(self._until(b"\r\n"), 16)
        return self.exactly(size + 2)[:-2]

    def rest(self) -> bytes:
        """What comes until the server closes; ConnectionError when it resets."""
        while self._more():
            pass
        rest, self._buffer = self._buffer, b""
        return rest

    def is_closed(self) -> bool:
        """Wait until the server closes; whether it did so without another byte."""
        try:
            return self.rest() == b""
        except ConnectionResetError:
            return True

    def leave(self) -> None:
        self.socket.close()

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._need()
        found, _, self._buffer = self._buffer.partition(end)
        return found + end

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._buffer) < size:
            self._need()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _need(self) -> None:
        if not self._more():
            raise EOFError(self._buffer)

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self._buffer += data
        return bool(data)


def refuse(reply: Reply, status: int, what: str, target: bytes) -> None:
    """Refusals in plain words."""
    reply.send(status, ((b"content-type", b"text/plain"),), what.encode())


async def echo(request: Request, reply: Reply) -> None:
    """Say what was asked."""
    reply.send(200, (), b"%b %b %b" % (request.method.encode(), request.target, request.body))


class Watched:
    """A handler that says what became of it: `began`, then `ended` by a `finally`, `cancelled` or not.

    It streams `chunks` and then waits for ever, or fewer when `drain`ing takes for ever.
    """

    def __init__(self, chunks: int = 0, size: int = 10) -> None:
        self.began = threading.Event()
        self.ended = threading.Event()
        self.cancelled = False
        self.written = 0
        self._chunks = chunks
        self._size = size

    async def __call__(self, request: Request, reply: Reply) -> None:
        self.began.set()
        try:
            await self._stream(reply)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.ended.set()

    async def _stream(self, reply: Reply) -> None:
        if self._chunks:
            reply.start(200, ())
        for _ in range(self._chunks):
            reply.write(bytes(self._size))
            self.written += self._size
            await reply.drain()


class Front:
    """A listening server; `calls` has the method, target and body of each request its handler got."""

    def __init__(self, handler: Handler = echo, limits: Limits | None = None) -> None:
        self.calls: list[tuple[str, bytes, bytes]] = []
        self.requests: list[Request] = []
        self._handler = handler
        self._limits = limits or Limits()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()
        assert self._started.wait(PATIENCE)

    def connect(self, *, buffer: int | None = None) -> Client:
        """A client; `buffer` bounds what its kernel takes in unread."""
        return Client(self.port, buffer=buffer)

    def ask(self, *pieces: bytes) -> list[Answer]:
        """What a client hears in all, from sending these bytes until the server closes."""
        with self.connect() as client:
            client.send_while_open(*pieces)
            return client.answers()

    def run(self, what: Coroutine[Any, Any, T]) -> T:  # Any: what a coroutine yields and is sent is the loop's
        """Run it on the server's loop and wait for the result."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(PATIENCE)

    def call(self, what: Callable[[], T]) -> T:
        """Call it on the server's loop and wait for the result."""

        async def called() -> T:
            return what()

        return self.run(called())

    def until_open(self, count: int) -> None:
        """Wait until the server has so many connections; TimeoutError when that does not come about."""

        deadline = time.monotonic() + PATIENCE
        while self.call(lambda: len(self.server._open)) != count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.server._open)} connections are open, not {count}")

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self.deadlines = Deadlines(self.loop)
        self.server = Server(self._handle, refuse, self._limits, self.deadlines)
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        await self.server.listen(listening)
        self._started.set()
        await self._stopped.wait()
        await self.server.drain(0)

    async def _handle(self, request: Request, reply: Reply) -> None:
        self.calls.append((request.method, request.target, request.body))
        self.requests.append(request)
        await self._handler(request, reply)


Fronts = Callable[..., Front]
"""The `front` fixture: starts a Front of a handler and limits, and stops it after the test."""
