"""A door before a gateway: it exchanges headers of requests, and passes every other byte on as it is.

Some suites have a key written into their code, and some gateways take the upstream's address in a header. The door
makes both fit without a change to either; answers go through it untouched.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

_CREDENTIALS = (b"authorization", b"x-api-key")


@contextlib.contextmanager
def door(root: str, headers: Mapping[str, str], *, key: str | None = None) -> Iterator[str]:
    """An address that leads to `root`, adding `headers`; with a `key`, credentials of any kind are replaced by it."""
    opened: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = queue.SimpleQueue()

    async def serve() -> None:
        server = await asyncio.start_server(_Door(root, headers, key).serve, "127.0.0.1", 0, limit=2**20)
        close = asyncio.Event()
        opened.put((asyncio.get_running_loop(), close, server.sockets[0].getsockname()[1]))
        await close.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    loop, close, port = opened.get(timeout=10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(close.set)
        thread.join(10)


class _Door:
    def __init__(self, root: str, headers: Mapping[str, str], key: str | None) -> None:
        address = urlsplit(root)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._added = {name.lower().encode(): value.encode() for name, value in headers.items()}
        self._key = key

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: its requests there, the answers back."""
        # Cancelled when the door is closed under it; a cancelled handler would be logged as a fault.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            there, out = await asyncio.open_connection(self._host, self._port)
            back = asyncio.create_task(_pipe(there, writer))
            try:
                await self._requests(reader, out)
            finally:
                out.close()
                await back
        writer.close()

    async def _requests(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            out.write(changed(head, self._added, self._key))
            fields = _fields(head)
            if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
                await _chunked(reader, out)
            elif length := int(fields.get(b"content-length", b"0")):
                out.write(await reader.readexactly(length))
            await out.drain()


def changed(head: bytes, added: Mapping[bytes, bytes], key: str | None) -> bytes:
    """A request's head with its credentials replaced, and `added` instead of what it has under these names."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [_with_key(line, key) for line in lines if line.partition(b":")[0].lower() not in added]
    extra = [name + b": " + value for name, value in added.items()]
    return b"\r\n".join([first, *kept, *extra]) + b"\r\n\r\n"


def _with_key(line: bytes, key: str | None) -> bytes:
    name = line.partition(b":")[0]
    if key is None or name.lower() not in _CREDENTIALS:
        return line
    return name + (b": Bearer " if name.lower() == b"authorization" else b": ") + key.encode()


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = head.split(b"\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}


async def _chunked(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        out.write(line + await reader.readexactly(size + 2))
        if size == 0:
            return


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
