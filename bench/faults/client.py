"""A client that asks and never asks again: what it got is what it notes."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Final

from bench.faults.answers import DONE

_PATIENCE: Final = 60.0
"""Seconds after which a client would think that it is forgotten: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Got:
    """What came of one request. `whole`: a good answer, to its end. `cost` and `usage` as the answer itself says."""

    status: int
    """0: the connection broke before a head came."""
    receipt: str | None
    whole: bool
    error: str | None
    """The code of the error it was told, as a document or as the last event of a stream."""
    cost: str | None
    usage: dict[str, object] | None
    seconds: float
    body: bytes = b""


class Client:
    """A connection to the gateway, used for one request after the other and made anew where it is closed."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {key}\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, body: dict[str, object], headers: str = "") -> Got:
        """Ask once. Raises TimeoutError where nothing comes of it."""
        since = time.perf_counter()
        async with asyncio.timeout(_PATIENCE):
            try:
                got = await self._exchange(json.dumps(body).encode(), headers)
            except (OSError, asyncio.IncompleteReadError):
                self.leave()
                got = (0, {}, b"", False)
        return _got(*got, streamed=bool(body.get("stream")), seconds=time.perf_counter() - since)

    async def begin(self, body: dict[str, object]) -> None:
        """Ask, and wait for the first piece of a stream. Raises OSError or IncompleteReadError where none comes."""
        async with asyncio.timeout(_PATIENCE):
            await self._send(json.dumps(body).encode(), "")
            assert self._reader is not None
            await self._reader.readuntil(b"\r\n\r\n")
            await self._reader.readuntil(b"\n\n")

    def leave(self) -> None:
        """Break the connection off, whatever is under way."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def _send(self, data: bytes, headers: str) -> None:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(f"{self._head}{headers}content-length: {len(data)}\r\n\r\n".encode() + data)

    async def _exchange(self, data: bytes, headers: str) -> tuple[int, dict[str, str], bytes, bool]:
        """Status, headers, body, and whether the body came to its end."""
        await self._send(data, headers)
        assert self._reader is not None
        reader = self._reader
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.split(": ", 1) for line in raw[1:] if line)
        status = int(raw[0].split(" ")[1])
        body = b""
        try:
            if "content-length" in fields:
                body = await reader.readexactly(int(fields["content-length"]))
            else:
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    body += (await reader.readexactly(size + 2))[:-2]
                await reader.readexactly(2)
        except (OSError, asyncio.IncompleteReadError):
            self.leave()
            return status, fields, body, False
        if fields.get("connection") == "close":
            self.leave()
        return status, fields, body, True


def _got(status: int, headers: dict[str, str], body: bytes, ended: bool, *, streamed: bool, seconds: float) -> Got:
    last = _last_event(body) if streamed and headers.get("content-type", "").startswith("text/event-stream") else body
    document = _document(last)
    error = document.get("error")
    said = document.get("usage")
    usage = said if isinstance(said, dict) else None
    good = status == 200 and ended and error is None and (not streamed or body.endswith(DONE))
    cost = headers.get("x-weighbridge-cost") or (None if usage is None else usage.get("cost"))
    return Got(
        status=status,
        receipt=headers.get("x-weighbridge-receipt"),
        whole=good,
        error=str(error.get("code")) if isinstance(error, dict) else None,
        cost=None if cost is None else str(cost),
        usage=usage,
        seconds=seconds,
        body=body,
    )


def _last_event(body: bytes) -> bytes:
    """The data of the last event that says something: an error, or the usage."""
    events = body.removesuffix(DONE).rstrip(b"\n").split(b"\n\n")
    return events[-1].removeprefix(b"data: ")


def _document(text: bytes) -> dict[str, object]:
    try:
        found = json.loads(text, parse_float=str)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
