"""A provider that counts: `python -m bench.counting HOST:PORT`, in a process of its own.

Each request says its number in its first words, and what its answer says of tokens goes by that number, so that no two
sums are equal by chance. `GET /-/counted` answers with how often each number came, a byte each, from 0 on.
"""

import asyncio
import contextlib
import re
import socket
import sys
from typing import Final, cast

import uvloop

from bench.receipts import Answer

_NUMBER: Final = re.compile(rb"Request (\d+)\.")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: ?(\d+)", re.IGNORECASE)
_MOST: Final = 255
_GROWTH: Final = 1 << 16
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_BODY: Final = (
    b'{"id":"chatcmpl-%d","object":"chat.completion","created":1763779200,"model":"mock-model","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Gateways sit between callers and model providers."},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
    b'"prompt_tokens_details":{"cached_tokens":%d}}}'
)
_MODELS: Final = b'{"object":"list","data":[{"id":"mock-model","object":"model","created":1,"owned_by":"mock"}]}'


def stated(number: int) -> Answer:
    """What the answer to the request of this number says, and what it costs at `bench.candidates.CONFIG`'s prices."""
    prompt, completion, cached = 280 + number % 61, 40 + number % 47, number % 53
    return Answer(prompt, completion, cached, ((prompt - cached) * 27 + cached * 7 + completion * 110) * 10_000)


class Count:
    """How often each number came."""

    def __init__(self) -> None:
        self.times = bytearray(_GROWTH)

    def add(self, number: int) -> None:
        """It came once more."""
        if number >= len(self.times):
            self.times += bytes(number + _GROWTH - len(self.times))
        self.times[number] = min(_MOST, self.times[number] + 1)


class Connection(asyncio.Protocol):
    """One that a gateway holds open."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._came = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Where answers go."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            head, rest = self._came[: end + 2], self._came[end + 4 :]
            length = _LENGTH.search(head)
            size = 0 if length is None else int(length[1])
            if len(rest) < size:
                return
            self._came = rest[size:]
            assert self._transport is not None
            self._transport.write(self._answer(head, rest[:size]))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /-/counted"):
            return _HEAD % len(self._count.times) + self._count.times
        if head.startswith(b"GET"):
            return _HEAD % len(_MODELS) + _MODELS
        found = _NUMBER.search(body)
        if found is None:
            return b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
        number = int(found[1])
        self._count.add(number)
        says = stated(number)
        text = _BODY % (number, says.prompt, says.completion, says.prompt + says.completion, says.cached)
        return _HEAD % len(text) + text


async def counted(host: str, port: int) -> bytes:
    """What a provider has counted so far. Raises OSError."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /-/counted HTTP/1.1\r\nhost: count\r\n\r\n")
    length = _LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
    assert length is not None
    body = await reader.readexactly(int(length[1]))
    writer.close()
    return body


async def serve(listening: socket.socket) -> None:
    """Count until it is cancelled."""
    count = Count()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(count), sock=listening, backlog=4096)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Listen and count."""
    host, _, port = sys.argv[1].rpartition(":")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(socket.create_server((host, int(port)), backlog=4096)))


if __name__ == "__main__":
    main()
