"""A door before a gateway: it exchanges headers of requests, and passes every other byte on as it is.

Some suites have a key written into their code, and some gateways take the upstream's address in a header. The door
makes both fit without a change to either; answers go through it untouched.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

_CREDENTIALS = (b"authorization", b"x-api-key")


@contextlib.contextmanager
def door(root: str, headers: Mapping[str, str], *, key: str | None = None) -> Iterator[str]:
    """An address that leads to `root`, adding `headers`; with a `key`, credentials of any kind are replaced by it."""
    loop = asyncio.new_event_loop()
    ready: threading.Event = threading.Event()
    found: list[int] = []

    async def serve() -> None:
        leads = _Door(root, headers, key)
        server = await asyncio.start_server(leads.serve, "127.0.0.1", 0, limit=2**20)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        async with server:
            await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    task = loop.create_task(serve())
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{found[0]}"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


class _Door:
    def __init__(self, root: str, headers: Mapping[str, str], key: str | None) -> None:
        address = urlsplit(root)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._added = {name.lower().encode(): value.encode() for name, value in headers.items()}
        self._key = key

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: its requests there, the answers back."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
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
    kept = []
    for line in lines:
        name, _, _ = line.partition(b":")
        if name.lower() in added:
            continue
        if name.lower() in _CREDENTIALS and key is not None:
            scheme = b"Bearer " if name.lower() == b"authorization" else b""
            line = name + b": " + scheme + key.encode()
        kept.append(line)
    extra = [name + b": " + value for name, value in added.items()]
    return b"\r\n".join([first, *kept, *extra]) + b"\r\n\r\n"


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
