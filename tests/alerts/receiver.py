"""Whoever is told: a webhook on loopback that answers by script and verifies as others' libraries do."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from openai import OpenAI

from weighbridge.alerts import signature

SECRET = signature.new_secret()


@dataclass
class Message:
    """What came, verified."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, object]:
        """The body as JSON."""
        found: dict[str, object] = json.loads(self.body)
        return found

    def verify(self, secret: str = SECRET) -> None:
        """Raise openai.InvalidWebhookSignatureError where its signature does not hold: an implementation not ours."""
        OpenAI(api_key="none").webhooks.verify_signature(self.body.decode(), self.headers, secret=secret)


@dataclass
class Receiver:
    """Answers 204 once its script of answers is over."""

    port: int = 0
    script: list[bytes] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, count: int) -> Sequence[Message]:
        """The messages, once there are so many."""
        async with asyncio.timeout(20), self.came:
            await self.came.wait_for(lambda: len(self.messages) >= count)
        return self.messages

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines if line)
                body = await reader.readexactly(int(headers["content-length"]))
                writer.write(self.script.pop(0) if self.script else b"HTTP/1.1 204 No Content\r\n\r\n")
                async with self.came:
                    self.messages.append(Message(first.split(" ")[1], headers, body))
                    self.came.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def says(status: int, *headers: str, body: str = "") -> bytes:
    """An answer."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} X\r\n{lines}content-length: {len(body)}\r\n\r\n{body}".encode()


@asynccontextmanager
async def receiver(*script: bytes, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """One that listens while the block runs."""
    made = Receiver(script=list(script))
    server = await asyncio.start_server(made.serve, "127.0.0.1", port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
