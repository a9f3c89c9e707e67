"""Our own gateway's HTTP API, as the window asks it: the same requests as any client's, over loopback."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from weighbridge.config import Secret
from weighbridge.errors import GatewayAway, UpstreamError
from weighbridge.transport.client import Exchange, Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines

_PATIENCE: Final = Patience(connect=5, first_byte=900, idle=900)
"""A local model may think long before its first token."""
_MOST: Final = 64 * 1024 * 1024
"""Bytes of an answer that is taken whole."""

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer; names of headers are in lower case."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body is read as it comes: iterate over it."""

    status: int
    headers: Headers
    _exchange: Exchange

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Its pieces. Raises GatewayAway where it breaks off."""
        try:
            while piece := await self._exchange.read():
                yield piece
        except UpstreamError as exc:
            raise GatewayAway(f"the answer broke off: {exc.message}") from exc


class Asking:
    """Make it within a running loop. `close` it at the end."""

    def __init__(self, base_url: str) -> None:
        """`base_url` is the gateway's address without a path, such as http://127.0.0.1:8080."""
        url = urlsplit(base_url)
        tls = url.scheme == "https"
        self.base_url = f"{url.scheme}://{url.netloc}"
        self._host = url.netloc
        self._pool = Pool(
            Origin("the gateway", url.hostname or "localhost", url.port or (443 if tls else 80), tls),
            patience=_PATIENCE,
            deadlines=Deadlines(asyncio.get_running_loop()),
            tls=ssl.create_default_context() if tls else None,
            limit=200,
        )

    def close(self) -> None:
        """Close what is open."""
        self._pool.close()

    async def get(self, path: str, key: Secret | str | None = None) -> Said:
        """What is there. Raises GatewayAway."""
        async with self._asked("GET", path, b"", key, {}) as answer:
            return await _whole(answer)

    async def post(self, path: str, body: bytes, key: Secret | str | None, headers: Headers | None = None) -> Said:
        """The whole answer. Raises GatewayAway."""
        async with self._asked("POST", path, body, key, headers or {}) as answer:
            return await _whole(answer)

    @asynccontextmanager
    async def stream(
        self, path: str, body: bytes, key: Secret | str | None, headers: Headers | None = None
    ) -> AsyncIterator[Streamed]:
        """An answer as it comes; leaving it before its end calls it off. Raises GatewayAway."""
        async with self._asked("POST", path, body, key, headers or {}) as answer:
            yield answer

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: bytes, key: Secret | str | None, headers: Headers
    ) -> AsyncIterator[Streamed]:
        try:
            exchange = await self._pool.exchange([self._head(method, path, body, key, headers), body])
        except UpstreamError as exc:
            raise GatewayAway(exc.message) from exc
        try:
            known = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers.items()}
            yield Streamed(exchange.status, known, exchange)
        finally:
            exchange.close()

    def _head(self, method: str, path: str, body: bytes, key: Secret | str | None, headers: Headers) -> bytes:
        sent = {"host": self._host, **headers}
        if key is not None:
            sent["authorization"] = f"Bearer {key.reveal() if isinstance(key, Secret) else key}"
        if method == "POST":
            sent |= {"content-type": "application/json", "content-length": str(len(body))}
        if any(mark in part for part in (path, *sent.values()) for mark in "\r\n"):
            raise ValueError("a line of its own in what is sent")
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


async def _whole(answer: Streamed) -> Said:
    pieces, size = [], 0
    async for piece in answer:
        pieces.append(piece)
        size += len(piece)
        if size > _MOST:
            raise GatewayAway(f"an answer of more than {_MOST:,} bytes")
    return Said(answer.status, answer.headers, b"".join(pieces))
