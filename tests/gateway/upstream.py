"""A provider on loopback whose every byte is the test's: what it sends, when, and how it breaks off."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

USED = {"prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "tiny",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": USED,
    "x_field_nobody_knows": {"kept": True},
}
WORDS = ("Hel", "lo", ", wor", "ld", ".")


def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
    """A chunk of a stream as an event."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "tiny", "choices": [choice]})


def event(document: object) -> bytes:
    """Any document as an event."""
    return f"data: {json.dumps(document)}\n\n".encode()


USAGE = event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": USED})
DONE = b"data: [DONE]\n\n"
EVENTS = (*(chunk({"content": word}) for word in WORDS), chunk({}, "stop"), USAGE, DONE)


@dataclass
class Call:
    """One request as the upstream sees it, and the hands to answer it with."""

    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(
        self, document: object = ANSWER, status: int = 200, headers: str = "", kind: str = "application/json"
    ) -> None:
        """The whole answer, as JSON or as the very bytes given."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        head = f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\n{headers}content-length: {len(body)}\r\n\r\n"
        await self.send(head.encode() + body)

    async def start(self) -> None:
        """The head of a stream."""
        await self.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    async def events(self, events: Sequence[bytes]) -> None:
        """Each event in a chunk of its own."""
        for each in events:
            await self.send(b"%x\r\n%b\r\n" % (len(each), each))

    async def end(self) -> None:
        """The end of a stream."""
        await self.send(b"0\r\n\r\n")

    async def stream(self, events: Sequence[bytes] = EVENTS) -> None:
        """A whole stream."""
        await self.start()
        await self.events(events)
        await self.end()

    async def send(self, data: bytes) -> None:
        """These very bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def die(self) -> None:
        """Reset the connection."""
        self.writer.transport.abort()

    async def left(self) -> None:
        """Return when the gateway has closed the connection."""
        while await self.reader.read(65536):
            pass


Script = Callable[[Call], Awaitable[None]]


async def plainly(call: Call) -> None:
    """Answer as asked: whole, or as a stream with its usage if that was asked for."""
    asked = json.loads(call.body)
    if not asked.get("stream"):
        await call.answer()
    elif (asked.get("stream_options") or {}).get("include_usage"):
        await call.stream()
    else:
        await call.stream([each for each in EVENTS if each is not USAGE])


@dataclass
class Upstream:
    """Listens; answers each chat completion by `script`, and a list of models with the one it has."""

    script: Script = plainly
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    models: Sequence[str] = ("tiny",)
    lists: bool = True
    """Whether the list of models is answered here, or by the script as well."""

    async def listen(self) -> None:
        """Take calls on a free port of loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._tasks: set[asyncio.Task[object]] = set()
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End all that is under way."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                await self._exchange(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        call = Call(head[0].split(" ")[1], headers, body, reader, writer)
        if self.lists and call.target.partition("?")[0].endswith("/models"):
            await call.answer({"object": "list", "data": [{"id": name} for name in self.models]})
        else:
            self.calls.append(call)
            await self.script(call)
