"""A connection to the faulty provider: what comes in as requests, what goes out as the very bytes of a script."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final, cast

import msgspec

from bench.faults.answers import Told, told

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST, and nothing more."""


class Call:
    """One request, and the hands to answer it with."""

    __slots__ = ("_connection", "answer", "number", "streamed", "whole")

    def __init__(self, connection: "Connection", endpoint: str, body: bytes, number: int) -> None:
        asked = msgspec.json.decode(body, type=_Asked)
        self._connection = connection
        self.number = number
        self.streamed = asked.stream
        self.answer: Told = told(endpoint, asked.model, number)
        self.whole = False
        """A good answer was written to its last byte, while the other side was there."""

    def write(self, data: bytes) -> None:
        """These very bytes, now, if anyone is there."""
        if not self._connection.transport.is_closing():
            self._connection.transport.write(data)

    def finish(self, data: bytes) -> None:
        """The same; with them a good answer has come to its end."""
        self.whole = not self._connection.transport.is_closing()
        self.write(data)

    def reset(self) -> None:
        """Break the connection off with RST: what was written before has left."""
        self._connection.reset()

    def close(self) -> None:
        """Close the connection in order."""
        self._connection.transport.close()

    async def left(self) -> None:
        """Return when the other side is gone."""
        await self._connection.gone.wait()


class _Asked(msgspec.Struct):
    model: str
    stream: bool = False


Script = Callable[[Call], Awaitable[None]]
"""What is done about one request; it returns when the answer is out, or will never be."""


class Connection(asyncio.Protocol):
    """One request after the other."""

    transport: asyncio.Transport

    def __init__(self, serve: "Serve", open_: "set[Connection]") -> None:
        self._serve = serve
        self._open = open_
        self._arrived = b""
        self._task: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self.gone.set()

    @property
    def busy(self) -> bool:
        """A request is being answered."""
        return self._task is not None and not self._task.done()

    def reset(self) -> None:
        """Close with RST."""
        with contextlib.suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _next(self) -> None:
        if self.busy:
            return
        head, found, rest = self._arrived.partition(b"\r\n\r\n")
        length = _content_length(head)
        if not found or len(rest) < length:
            return
        self._arrived = rest[length:]
        self._task = asyncio.get_running_loop().create_task(self._answer(head.split(b" ", 2)[1], rest[:length]))

    async def _answer(self, target: bytes, body: bytes) -> None:
        await self._serve(self, target.decode(), body)
        if not self.gone.is_set():
            asyncio.get_running_loop().call_soon(self._next)


Serve = Callable[[Connection, str, bytes], Awaitable[None]]


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0
