"""One connection to the shared server, on which all commands of a worker go, each without waiting for those before it.

Whoever does not want to wait any longer for an answer goes away; it is read and dropped when it comes. So a deadline of
some milliseconds costs no connection, and none is made while a request waits.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

from weighbridge.shared.address import Address
from weighbridge.shared.resp import ErrorReply, Garbled, Push, Reply, command, read

_MOST_UNSENT: Final = 8 * 2**20
"""Bytes that may wait to be sent; then the server is as good as gone."""
_BUFFER: Final = 2**18
_NEWEST: Final = b"3"
"""The protocol's version; servers since Redis 6 speak it."""

Heard = Callable[[bytes, bytes], None]
"""Is told a channel and what was said there."""


class Gone(Exception):
    """The connection has ended, or was never made; the message says why."""


class Line:
    """Made by `connect`; its answers are read while `listen` runs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = heard
        self._asked: deque[asyncio.Future[Reply]] = deque()
        self._over = False

    def ask(self, *parts: bytes) -> "asyncio.Future[Reply]":
        """Send a command; its answer comes in its turn. Raises Gone."""
        if self._over or self._writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            raise Gone("nothing can be sent")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        self._writer.write(command(*parts))
        return future

    async def listen(self) -> None:
        """Read answers and messages until the connection ends. Raises Gone."""
        why = "the server has closed the connection"
        try:
            while True:
                reply = await read(self._reader)
                if isinstance(reply, Push) and reply.parts[:1] != (b"subscribe",):
                    self._told(reply)
                elif self._asked:  # what says that a channel is listened to is the answer to having asked for it
                    future = self._asked.popleft()
                    if not future.done():  # whoever asked may have gone
                        future.set_result(reply)
        except Garbled as exc:
            why = f"the server says what cannot be read: {exc}"
        except (OSError, EOFError) as exc:
            why = str(exc) or why
        finally:
            self.close()
        raise Gone(why)

    def close(self) -> None:
        """End it; those who wait for an answer are told that none comes. Idempotent."""
        self._over = True
        self._writer.close()
        while self._asked:
            self._asked.popleft().cancel()

    def _told(self, push: Push) -> None:
        match push.parts:
            case (b"message", bytes(channel), bytes(said)):
                self._heard(channel, said)


async def connect(where: Address, context: ssl.SSLContext | None, seconds: float, heard: Heard, name: str) -> Line:
    """A connection that is signed in and in the right database. Raises Gone."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await _opened(where, context)
            try:
                await _sign_in(where, reader, writer, name)
            except BaseException:
                writer.close()
                raise
    except TimeoutError:
        raise Gone(f"no answer within {seconds:g} seconds") from None
    except (OSError, EOFError, Garbled, ValueError) as exc:  # ValueErrors are of names that none can have
        raise Gone(str(exc) or type(exc).__name__) from exc
    return Line(reader, writer, heard)


async def _opened(where: Address, context: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if where.socket is not None:
        return await asyncio.open_unix_connection(where.socket, limit=_BUFFER)
    return await asyncio.open_connection(where.host, where.port, ssl=context, limit=_BUFFER)


async def _sign_in(where: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
    """Say who we are. Raises Gone, with the server's own words and without ours."""
    hello = [b"HELLO", _NEWEST]
    if where.password is not None:
        hello += [b"AUTH", (where.user or "default").encode(), where.password.encode()]
    for step in ([*hello, b"SETNAME", name.encode()], [b"SELECT", b"%d" % where.database]):
        writer.write(command(*step))
        while isinstance(said := await read(reader), Push):
            pass
        if isinstance(said, ErrorReply):
            raise Gone(_hint(said.said))


def _hint(said: str) -> str:
    """The server's words, and what to do about them where that is known."""
    word = said.partition(" ")[0]
    if word == "NOPROTO" or (word == "ERR" and "unknown command" in said):
        return f"Valkey, or Redis 6 or newer, is needed ({said[:200]})"
    return f"{_HINTS[word]} ({said[:200]})" if word in _HINTS else said[:200]


_HINTS: Final = {
    "NOAUTH": "it wants a password: put one into shared.url",
    "WRONGPASS": "it does not take the user and password of shared.url",
    "LOADING": "it is still reading its data",
}
