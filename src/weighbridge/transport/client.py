"""The HTTP/1.1 client to upstreams: a keep-alive pool per origin, one exchange at a time on each connection.

It knows no model and no money. An answer's body is read as it arrives (`read` gives what has come, never
re-cut); a reader who is slow makes us stop reading from the upstream; `close` on an unfinished answer
closes the upstream, which is how a generation nobody wants is stopped.

A connection kept alive may be closed by the upstream at the very moment we write to it. Only then (a kept
connection, closed before a single byte of an answer) is the request sent again, once, on a fresh one.

Any method may be sent but HEAD and CONNECT, whose answers are framed by rules of their own.
"""

import asyncio
import select
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import httptools

from weighbridge.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from weighbridge.transport.deadlines import NEVER, Deadlines
from weighbridge.transport.outbox import Outbox
from weighbridge.transport.turns import Turns

_HIGH_WATER: Final = 256 * 1024
"""Bytes of a body waiting for its reader, over which we stop reading from the upstream."""
_MOMENT: Final = 0.02
"""Seconds of rest below which a connection is used again without a look at its socket."""
_MAX_HEAD: Final = 64 * 1024
"""Bytes an upstream may send without one of them being of a body: headers, interim answers, trailers."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream listens: a host and port, or a unix `socket`. `name` is what errors call it."""

    name: str
    host: str = "localhost"
    port: int = 80
    tls: bool = False
    socket: str | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    connect: float = 10
    """For a name to be looked up, a connection made and TLS agreed; also for a turn when all connections are busy."""
    first_byte: float = 300
    """From sending a request to the whole head of its answer."""
    idle: float = 120
    """Between two pieces of a body."""
    keep_alive: float = 60
    """A connection unused for so long is closed. Servers that close sooner (uvicorn: 5 s) are noticed."""


Sink = Callable[[bytes], bool]
"""Takes a piece of a body; whether it takes another."""


class _Broken(Exception):
    """A kept connection went before a byte of the answer came."""


class Exchange:
    """An upstream's answer: its head has come, its body is read as it arrives. Whoever holds it closes it.

    `headers` have lower-case names; of a repeated one the last stands. One reader at a time.
    """

    __slots__ = ("_connection", "_whole", "headers", "status")

    def __init__(self, connection: "Connection") -> None:
        self.status = connection.status
        self.headers = connection.headers
        self._connection: Connection | None = connection
        self._whole = False

    @property
    def complete(self) -> bool:
        """The answer has wholly arrived (its reader may still have some to read)."""
        return self._whole if self._connection is None else self._connection.complete

    def read(self) -> Coroutine[Any, Any, bytes]:  # what `async def` gives, one frame fewer for each piece
        """What has arrived of the body since the last call, at least a byte; `b""` at its end.

        Raises UpstreamError when the upstream breaks off, after all that came before.
        """
        if self._connection is None:
            raise RuntimeError("read after close")
        return self._connection.read()

    def take(self) -> bytes:
        """The same without waiting: `b""` when nothing has arrived."""
        if self._connection is None:
            raise RuntimeError("read after close")
        return self._connection.take()

    def pour(self, sink: Sink) -> Coroutine[Any, Any, bool]:
        """Hand what arrives to `sink` the moment it does, until it says False or there is no more; True: no more.

        A task that reads each piece is woken for each; this one only at the end. Raises as `read` does, and what the
        sink raises.
        """
        if self._connection is None:
            raise RuntimeError("read after close")
        return self._connection.pour(sink)

    def close(self) -> None:
        """Keep the connection if the answer is whole, else close the upstream. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:  # after the first time the connection is another's
            self._whole = connection.complete
            connection.finish()


class Connection(asyncio.Protocol):
    """One connection to an upstream, and the state of the one exchange under way on it."""

    _transport: asyncio.Transport
    _unread: select.poll

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self.deadline = NEVER
        self.counted = True
        """It has a place among the pool's open connections."""
        self.reused = False
        self.idle = True
        self.over = False
        """It is closed, or about to be."""
        self._made = False
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.complete = False
        self._kept = True
        self._heard = False
        self._in_body = False
        self._overhead = 0
        """Bytes since the last one of a body."""
        self._unsent: list[bytes] = []
        self._arrived: list[bytes] = []
        self._size = 0
        self._paused = False
        self._fault: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._fields: dict[bytes, bytes] = {}
        """Headers as they came, trailers too."""
        self.on_header = self._fields.__setitem__  # called for each of them: no Python in between
        self._parser = httptools.HttpResponseParser(self)

    # the exchange

    def usable(self) -> bool:
        """Nothing came while it rested, be it an end or an answer to no question.

        What the loop has not read yet is asked of the kernel, but for the moment after an answer: under load that
        would cost more than finding out by sending.
        """
        if self.over:
            return False
        rested = self._pool.deadlines.now() - self.deadline + self._pool.patience.keep_alive
        return rested < _MOMENT or not self._unread.poll(0)

    async def send(self, data: list[bytes]) -> None:
        """Send a request and wait for the head of its answer."""
        self.idle = False
        self.status, self.headers = 0, {}
        self._fields.clear()
        self.complete = self._heard = self._in_body = False
        self._overhead = self._size = 0
        self._unsent = data
        self._pool.outbox.add(self)
        self.deadline = self._pool.deadlines.now() + self._pool.patience.first_byte
        while not self._in_body:
            if self._fault is not None:
                raise self._fault
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def flush(self) -> None:
        """Send the request that waits for the end of this turn of the loop."""
        if not self.over:  # uvloop raises on a transport that is closed
            self._transport.write(b"".join(self._unsent))
        self._unsent = []

    async def read(self) -> bytes:
        """What has arrived of the body since the last call; `b""` at its end."""
        while not self._arrived:
            if self.complete:
                return b""
            if self._fault is not None:
                raise self._fault
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self.take()

    def take(self) -> bytes:
        """What has arrived of the body since the last call, which may be nothing."""
        arrived = self._arrived
        data = arrived[0] if len(arrived) == 1 else b"".join(arrived)
        arrived.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self.deadline = self._pool.deadlines.now() + self._pool.patience.idle
            self._transport.resume_reading()
        return data

    async def pour(self, sink: Sink) -> bool:
        """See Exchange.pour."""
        self._sink = sink
        try:
            while self._spill():
                if self.complete:
                    return True
                if self._fault is not None:
                    raise self._fault
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
            return False
        finally:
            self._sink = None

    def _spill(self) -> bool:
        """Hand on what has come; whether more of it is wanted."""
        if self._sink is not None and self._arrived and not self._sink(self.take()):
            self._sink = None
        return self._sink is not None

    def finish(self) -> None:
        """The exchange has ended: keep the connection if both sides said all they had to, else drop it."""
        self.idle = True
        self._arrived.clear()
        said = self.complete and not self._transport.get_write_buffer_size()
        if said and self._kept and not self.over:
            self.deadline = self._pool.deadlines.now() + self._pool.patience.keep_alive
            self._pool.keep(self)
        else:
            self.drop()

    def drop(self) -> None:
        """Close the connection, whatever is under way."""
        self.over = True
        if self._made:
            self._transport.abort()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, fault: Exception) -> None:
        """The first fault is the one that counts, and none after the answer is whole."""
        if self._fault is None and not self.complete:
            self._fault = fault
        self.drop()
        self._wake()

    # the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol's transport is one
        self._made = True
        self._unread = select.poll()
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._pool.deadlines.watch(self)

    def data_received(self, data: bytes) -> None:
        if self.idle or self.complete:  # nothing was asked: what comes now is not the next question's answer
            self.drop()
            return
        self._heard = True
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(UpstreamError(f"{self._pool.origin.name} changed to another protocol than HTTP/1.1"))
        except httptools.HttpParserError as exc:
            self._fail(UpstreamError(f"{self._pool.origin.name} did not answer in HTTP/1.1: {exc}"))
        else:
            self._go_on()

    def _go_on(self) -> None:
        """What follows from what came: whom we wait for now, and until when."""
        if not self.complete:
            if self._overhead > _MAX_HEAD:
                self._fail(UpstreamError(f"{self._pool.origin.name} sent more than {_MAX_HEAD:,} bytes of headers"))
            elif self._size > _HIGH_WATER:
                self._paused = True
                self.deadline = NEVER  # now it is the reader we wait for
                self._transport.pause_reading()
            elif self._in_body:
                self.deadline = self._pool.deadlines.now() + self._pool.patience.idle
        if self._sink is not None and not self.complete:
            try:
                if self._spill():
                    return
            except Exception as exc:  # noqa: BLE001 - the reader's own fault: it is raised where the reader waits
                self._fail(exc)
                return
        if self._sink is not None:  # to end an answer takes as long as to begin one
            self._pool.turns.take(self)
        else:
            self._wake()

    def begin(self) -> None:
        """The turn of the answer that has come to its end: let its reader know."""
        self._wake()

    def eof_received(self) -> None:
        # Here and not in connection_lost: a reset, or our own abort, is no end.
        if self._in_body and not (b"content-length" in self.headers or b"transfer-encoding" in self.headers):
            self.complete = True
            self._wake()
        self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.reused and not self._heard:
            self._fail(_Broken())  # whoever asked may want its place
            return
        self._pool.gone(self)
        what = "in the middle of its answer" if self._heard else "without an answer"
        fault = UpstreamError(f"{self._pool.origin.name} closed the connection {what}")
        fault.__cause__ = exc
        self._fail(fault)

    def expire(self) -> None:
        """Past a deadline: too slow, or unused; then the answer was whole and the fault is nobody's."""
        what = "went silent in the middle of its answer for" if self._in_body else "did not answer within"
        seconds = self._pool.patience.idle if self._in_body else self._pool.patience.first_byte
        self._fail(UpstreamTimeout(f"{self._pool.origin.name} {what} {seconds:g} s"))

    # the parser's calls

    def on_message_begin(self) -> None:
        if self.complete:  # a second answer to one question: the first stands, the connection does not
            self._kept = False

    def on_headers_complete(self) -> None:
        if self._in_body:  # a second answer's
            return
        self.status = self._parser.get_status_code()
        if self.status >= 200:  # 100 Continue and its like come before the answer
            self.headers = {name.lower(): value for name, value in self._fields.items()}
            self._in_body = True
        self._fields.clear()

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self._overhead = 0
            self._arrived.append(body)
            self._size += len(body)

    def on_message_complete(self) -> None:
        if self._in_body and not self.complete:
            self.complete = True
            self.deadline = NEVER
            self._kept = self._parser.should_keep_alive()


class Pool:
    """The connections to one origin: those at rest, and a count of all.

    While anyone waits for a turn none rests and no place is free: what is freed goes to the one who waits longest.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        patience: Patience,
        deadlines: Deadlines,
        turns: Turns | None = None,
        tls: ssl.SSLContext | None = None,
        limit: int = 1000,
    ) -> None:
        """`tls` is for an origin with TLS; without it the system's authorities are trusted.

        `turns` are those of the server whose answers are poured; without them each ends at once.
        """
        self.origin = origin
        self.patience = patience
        self.deadlines = deadlines
        self.turns = turns or Turns(deadlines.now)
        self.outbox = Outbox()
        self._tls = (tls or ssl.create_default_context()) if origin.tls else None
        self._limit = limit
        self._closed = False
        self._resting: dict[Connection, None] = {}
        self._open = 0
        """Connections that are resting, busy or being opened."""
        self._queue: deque[asyncio.Future[Connection | None]] = deque()

    async def exchange(self, data: list[bytes]) -> Exchange:
        """Send one request and wait for the head of its answer, which the caller closes.

        Raises UpstreamUnreachable, UpstreamTimeout or UpstreamError; then nothing is left to close.
        """
        connection = self._rested() or await self._place() or await self._connect()
        try:
            await connection.send(data)
        except _Broken:
            connection.counted = False  # its place is ours still
            self.gone(connection)
        except BaseException:
            connection.drop()
            self.gone(connection)
            raise
        else:
            return Exchange(connection)
        return await self._ask_anew(data)

    async def _ask_anew(self, data: list[bytes]) -> Exchange:
        """Once more, on a connection that was not kept and so cannot be stale."""
        connection = await self._connect()
        try:
            await connection.send(data)
        except BaseException:
            connection.drop()
            self.gone(connection)
            raise
        return Exchange(connection)

    def keep(self, connection: Connection) -> None:
        """It can be used again."""
        if self._closed:
            connection.drop()
        elif not self._give(connection):
            self._resting[connection] = None

    def gone(self, connection: Connection) -> None:
        """It is closed. Idempotent."""
        self.deadlines.forget(connection)
        self._resting.pop(connection, None)
        if connection.counted:
            connection.counted = False
            self._free()

    def close(self) -> None:
        """Close what rests now, and what is under way when it ends."""
        self._closed = True
        for connection in list(self._resting):
            connection.drop()

    def _rested(self) -> Connection | None:
        """A connection that rested and can be used."""
        while self._resting:
            connection, _ = self._resting.popitem()  # the one used last is the likeliest to be alive
            if connection.usable():
                connection.reused = True
                return connection
            connection.drop()
        return None

    async def _place(self) -> Connection | None:
        """A place to open a connection, counted from now on (None), or one that was freed while we waited for it."""
        if self._open < self._limit:
            self._open += 1
            return None
        freed = await self._turn()
        if freed is None:
            return None
        if freed.usable():
            freed.reused = True
            return freed
        freed.drop()
        return self._rested() or await self._place()

    async def _connect(self) -> Connection:
        """Open a connection in a place of ours, which is given back when that fails."""
        connection = Connection(self)
        try:
            with _our_errors(self.origin, self.patience):
                async with asyncio.timeout(self.patience.connect):
                    await self._dial(lambda: connection)
        except BaseException:
            connection.drop()
            self.gone(connection)  # uvloop does not always tell a connection that it's lost when its maker is cancelled
            raise
        return connection

    async def _dial(self, made: Callable[[], Connection]) -> None:
        loop, origin = asyncio.get_running_loop(), self.origin
        if origin.socket is not None:
            name = origin.host if self._tls else None
            await loop.create_unix_connection(made, origin.socket, ssl=self._tls, server_hostname=name)
        else:
            await loop.create_connection(made, origin.host, origin.port, ssl=self._tls)

    async def _turn(self) -> Connection | None:
        """Wait for what `_give` gives, as long as connecting may take."""
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(self.patience.connect):
                return await turn
        except BaseException as exc:
            self._decline(turn)
            if isinstance(exc, TimeoutError):
                busy = f"all {self._limit} connections to {self.origin.name} are busy"
                raise UpstreamTimeout(f"{busy}; raise upstream.max_connections_per_origin") from None
            raise

    def _decline(self, turn: asyncio.Future[Connection | None]) -> None:
        """Whoever waited has left: what came at the last moment goes to the next."""
        if turn.cancelled():
            if turn in self._queue:
                self._queue.remove(turn)
            return
        freed = turn.result()
        if freed is None:
            self._free()
        elif not freed.over:
            self.keep(freed)

    def _free(self) -> None:
        if not self._give(None):
            self._open -= 1

    def _give(self, freed: Connection | None) -> bool:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(freed)
                return True
        return False


@contextmanager
def _our_errors(origin: Origin, patience: Patience) -> Iterator[None]:
    try:
        yield
    except TimeoutError as exc:
        raise UpstreamTimeout(f"{origin.name} did not accept a connection within {patience.connect:g} s") from exc
    except ssl.SSLCertVerificationError as exc:
        raise UpstreamUnreachable(f"{origin.name} has a certificate not to be trusted: {exc.verify_message}") from exc
    except ssl.SSLError as exc:
        raise UpstreamUnreachable(f"{origin.name}: TLS failed: {exc.reason or exc}") from exc
    except OSError as exc:
        raise UpstreamUnreachable(f"{origin.name} could not be reached: {exc.strerror or exc}") from exc
    except UnicodeError as exc:
        raise UpstreamUnreachable(f"{origin.name} has a host that is no name: {origin.host!r}") from exc
