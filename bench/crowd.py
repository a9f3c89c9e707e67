"""Clients that ask one replica after another, each request under a number of its own, and note what came of it.

A client is at home at one replica. Where its connection breaks off, or nobody takes it, it asks the next, under a new
number, and after a while goes home again.
"""

import asyncio
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

BROKEN: Final = 1
"""In place of a status: the connection broke off before the whole answer had come."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: ?(\d+)", re.IGNORECASE)
_AWAY: Final = 200
"""Requests at another replica, after which a client tries its own again."""
_LATER: Final = (429, 503)
_PATIENCE: Final = 60.0

Address = tuple[str, int]


@dataclass(slots=True)
class Crowd:
    """Clients of gateways that share everything behind them. `body` has `%(number)d` where the number goes."""

    replicas: Sequence[Address]
    key: str
    body: bytes
    limit: int
    """How many requests there are in all."""
    pause: float = 0.05
    """Seconds after an answer that says: not now."""
    statuses: "array[int]" = field(default_factory=lambda: array("H"))
    """What came of each number: an HTTP status, BROKEN, or 0 while it is under way."""
    codes: Counter[str] = field(default_factory=Counter)
    """Of the errors that were told."""
    nobody: int = 0
    """Times that a replica took no connection."""

    async def ask(self, clients: int) -> None:
        """All of them, until there are no more requests. Raises TimeoutError where one is left without an answer."""
        await asyncio.gather(*(self._client(index % len(self.replicas)) for index in range(clients)))

    async def _client(self, home: int) -> None:
        at, away, streams = home, 0, None
        while len(self.statuses) < self.limit:
            if streams is not None and at != home and away >= _AWAY:
                streams[1].close()
                streams, at, away = None, home, 0
            try:
                streams = streams or await asyncio.open_connection(*self.replicas[at])
            except OSError:
                self.nobody += 1
                at = (at + 1) % len(self.replicas)
                await asyncio.sleep(self.pause)
                continue
            number = len(self.statuses)
            self.statuses.append(0)
            away += at != home
            status, closes = await self._one(*streams, number)
            self.statuses[number] = status
            if status in _LATER:
                await asyncio.sleep(self.pause)
            if closes:
                streams[1].close()
                streams = None
                at = (at + 1) % len(self.replicas) if status == BROKEN else at
        if streams is not None:
            streams[1].close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> tuple[int, bool]:
        """The status, and whether the connection is over."""
        body = self.body % {b"number": number}
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.key}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        try:
            async with asyncio.timeout(_PATIENCE):
                head_came = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head_came)
                text = await reader.readexactly(0 if length is None else int(length[1]))
        except (OSError, asyncio.IncompleteReadError):
            return BROKEN, True
        status = int(head_came[9:12])
        if status != 200:
            code = re.search(rb'"code": ?"(\w+)"', text)
            self.codes[f"{status} {'' if code is None else code[1].decode()}".strip()] += 1
        return status, b"connection: close" in head_came.lower()
