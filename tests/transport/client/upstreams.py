"""Upstreams that behave as a script says, byte by byte, and a pool that must have nothing left when a test ends."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
import trustme

from weighbridge.transport.client import Exchange, Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines

ASK = b"GET / HTTP/1.1\r\nHost: upstream\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Script = Callable[["Line"], Awaitable[None]]
"""What an upstream does with one connection; when it returns the connection is closed."""


class Line:
    """The upstream's end of one connection."""

    def __init__(self, upstream: "Upstream", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.upstream = upstream
        self.number = upstream.accepted
        """1 for the first connection the upstream accepted."""
        self.reader = reader
        self.writer = writer
        self.descriptor: int = writer.get_extra_info("socket").fileno()
        upstream.lines.append(self)

    async def question(self) -> bytes:
        """One whole request; raises IncompleteReadError when the client closes instead."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        body = await self.reader.readexactly(length)
        self.upstream.asked += 1
        return head + body

    async def say(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own; raises ConnectionError when the client has left."""
        for piece in pieces:
            if self.writer.transport.is_closing():  # uvloop would raise RuntimeError
                raise ConnectionResetError
            self.writer.write(piece)
            await self.writer.drain()
            await turns()

    async def left(self) -> None:
        """Wait until the client closes, whatever it says before."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        self.upstream.abandoned += 1

    def reset(self) -> None:
        """Close with RST in place of FIN; what was not sent is lost."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Upstream:
    """A server on loopback, and what it has seen."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.origin = Origin("the upstream")
        self.accepted = 0
        """Connections."""
        self.asked = 0
        """Whole requests."""
        self.abandoned = 0
        """Connections that the client closed while the script waited for that."""
        self.lines: list[Line] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.accepted += 1
        try:
            await self.script(Line(self, reader, writer))
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client left, which is its good right
        except asyncio.CancelledError:
            pass  # the test is over; asyncio's streams would log it
        finally:
            writer.transport.abort()
            self.tasks.discard(task)


@asynccontextmanager
async def upstream(
    script: Script, *, tls: ssl.SSLContext | None = None, path: Path | None = None
) -> AsyncIterator[Upstream]:
    made = Upstream(script)
    if path is not None:
        server = await asyncio.start_unix_server(made.serve, path)
        made.origin = Origin("the upstream", socket=str(path))
    else:
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        made.origin = Origin("the upstream", "localhost" if tls else "127.0.0.1", port, tls=tls is not None)
    try:
        yield made
    finally:
        server.close()
        while made.tasks:
            for task in made.tasks:
                task.cancel()
            await asyncio.sleep(0)


@asynccontextmanager
async def pooled(
    origin: Origin,
    *,
    connect: float = 5,
    first_byte: float = 5,
    idle: float = 5,
    keep_alive: float = 60,
    limit: int = 1000,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Pool]:
    """A pool; at the end no connection, count, deadline or waiter may be left but those at rest, which it closes."""
    deadlines = Deadlines(asyncio.get_running_loop())
    pool = Pool(
        origin, patience=Patience(connect, first_byte, idle, keep_alive), deadlines=deadlines, tls=tls, limit=limit
    )
    yield pool
    pool.close()
    await turns()
    assert (pool._open, len(pool._resting), len(pool._queue)) == (0, 0, 0)
    assert not deadlines._watched


async def turns(count: int = 3) -> None:
    """Let the loop turn: one to run what is due, one for the transport to close, one for those it tells."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread or the kernel has to do first."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 -- neither of them sets an asyncio.Event
            await asyncio.sleep(0.001)


async def ask(pool: Pool, *data: bytes) -> tuple[int, bytes]:
    """Status and whole body of the answer to `data`."""
    with closing(await pool.exchange(list(data) or [ASK])) as answer:
        body = await read_all(answer)
        assert answer.complete
        return answer.status, body


async def read_all(answer: Exchange, pieces: list[bytes] | None = None) -> bytes:
    """The whole body; `pieces` keeps what came before an error."""
    pieces = [] if pieces is None else pieces
    while piece := await answer.read():
        pieces.append(piece)
    return b"".join(pieces)


def answering(*pieces: bytes) -> Script:
    """An upstream that gives every question the same answer."""

    async def script(line: Line) -> None:
        while await line.question():
            await line.say(*pieces)

    return script


def answering_once(*pieces: bytes) -> Script:
    """An upstream that answers the first question of each connection and closes it."""

    async def script(line: Line) -> None:
        await line.question()
        await line.say(*pieces)

    return script


async def silent(line: Line) -> None:
    await line.question()
    await line.left()


async def cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@contextmanager
def full_backlog() -> Iterator[Origin]:
    """A listener whose queue is full: the kernel drops what else wants to connect."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        yield Origin("the upstream", address[0], address[1])
        for one in waiting:
            one.close()


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
