"""WebSockets (RFC 6455) on connections that began with a request: texts in, texts out, one reader.

wsproto does the framing; no extension is offered, so nothing comes compressed. A client that closes has left, as one
that closes its connection has: what is being done for it is cancelled (`WebSocket.during`). One that is silent is
pinged, and let go if it stays so.
"""

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Final

from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed
from wsproto.utilities import generate_accept_token

from weighbridge.errors import UpgradeRequired
from weighbridge.transport.message import Client, Headers, Reply, Request

OFFER: Final[Headers] = ((b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"), (b"connection", b"upgrade"))
"""Headers of an answer that says what is spoken here."""
_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client is held to."""

    message_bytes: int = 32 * 1024 * 1024
    """Of one message, and of all that wait."""
    waiting: int = 16
    """Messages that may wait while one is answered."""
    silence_seconds: float = 30
    """After which it is pinged, and after as much again let go."""
    idle_seconds: float = 3600
    """Between the end of one thing and the next message."""


def accept(request: Request, reply: Reply, bounds: Bounds) -> "WebSocket":
    """Switch to WebSocket. Raises UpgradeRequired where the client did not offer it, or in another version."""
    headers = request.headers
    if request.method != "GET" or request.upgrade != b"websocket":
        raise UpgradeRequired("a WebSocket is spoken here: send a handshake (`Upgrade: websocket`), or POST a request")
    if headers.get(b"sec-websocket-version") != b"13":
        raise UpgradeRequired("the version of WebSocket that is spoken here is 13")
    key = headers.get(b"sec-websocket-key", b"")
    if not _is_key(key):
        raise UpgradeRequired("sec-websocket-key: 16 bytes in base64 begin a WebSocket")
    return WebSocket(reply, key, bounds)


class WebSocket:
    """One client's. See message.Client: what is written is a text."""

    def __init__(self, reply: Reply, key: bytes, bounds: Bounds) -> None:
        self._bounds = bounds
        self._frames = FrameProtocol(client=False, extensions=[])
        self._coming = bytearray()
        """The message that is coming in, as far as it has come."""
        self._messages: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._arrived: asyncio.Future[None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._closed = False
        """A last frame is out: nothing more is said or heard."""
        self._left = False
        """It was the client that closed."""
        self._heard = True
        self._loop = asyncio.get_running_loop()
        self._reply = reply
        accepted: Headers = ((b"upgrade", b"websocket"), (b"sec-websocket-accept", generate_accept_token(key)))
        self._client: Client = reply.switch(accepted, self)
        self._stopping = self._client.draining  # who is told to stop has been told already
        self._timer = self._loop.call_later(bounds.silence_seconds, self._look)

    # the handler's calls

    async def receive(self) -> bytes | None:
        """The next text, as UTF-8; None once there is none to come, or the server stops."""
        try:
            async with asyncio.timeout(self._bounds.idle_seconds):
                while not (self._messages or self._closed or self._stopping):
                    self._arrived = self._loop.create_future()
                    await self._arrived
        except TimeoutError:
            self.end(CloseReason.NORMAL_CLOSURE, "nothing was asked for long")
        if self._closed or self._stopping:
            return None
        message = self._messages.popleft()
        self._waiting_bytes -= len(message)
        return message

    async def during(self, work: Coroutine[None, None, None]) -> None:
        """Do the work unless the client closes: then it is cancelled."""
        task = self._work = asyncio.create_task(work)
        try:
            await task
        except asyncio.CancelledError:
            if not self._left:
                raise
        finally:
            self._work = None

    def end(self, reason: CloseReason = CloseReason.GOING_AWAY, why: str = "the server is stopping") -> None:
        """Close it, and the connection with it. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._timer.cancel()
        self._messages.clear()
        self._wake()
        self._reply.end(bytes(self._frames.close(reason, why)))

    # message.Client

    @property
    def lost(self) -> bool:
        """See Client."""
        return self._closed or self._client.lost

    @property
    def left(self) -> bool:
        """See Client."""
        return self._left or self._client.left

    @property
    def choked(self) -> asyncio.Future[None] | None:
        """See Client."""
        return self._client.choked

    @property
    def peer(self) -> str | None:
        """See Client."""
        return self._client.peer

    @property
    def draining(self) -> bool:
        """See Client."""
        return self._client.draining

    def write(self, data: bytes) -> None:
        """A text, as UTF-8."""
        if not self._closed:
            self._reply.write(bytes(self._frames.send_data(data.decode())))

    def streamed(self) -> None:
        """See Client; each text is."""

    def close(self) -> None:
        """See Client."""
        self.end()

    def abort(self) -> None:
        """See Client."""
        self.end(CloseReason.INTERNAL_ERROR, "the answer broke off")

    def switch(self, successor: object) -> None:
        """See Client. Raises RuntimeError: a WebSocket leads to nothing else."""
        raise RuntimeError("a WebSocket cannot switch again")

    # message.Successor

    def received(self, data: bytes) -> None:
        """See Successor."""
        self._heard = True
        try:
            self._frames.receive_bytes(data)
            for frame in self._frames.received_frames():
                self._take(frame)
        except ParseFailed as exc:
            self._leave(exc.code, str(exc))

    def stopping(self) -> None:
        """See Successor."""
        self._stopping = True
        self._wake()

    # our own

    def _take(self, frame: Frame) -> None:
        if self._closed:
            return
        match frame.opcode:
            case Opcode.TEXT:
                self._text(frame)
            case Opcode.BINARY:
                self._leave(CloseReason.UNSUPPORTED_DATA, "messages are texts")
            case Opcode.PING if self._client.choked is None:  # one that reads nothing needs no answer either
                self._reply.write(bytes(self._frames.pong(_bytes(frame))))
            case Opcode.CLOSE:
                self._leave(frame.payload[0] if isinstance(frame.payload, tuple) else CloseReason.NORMAL_CLOSURE, "")
            case _:
                pass

    def _text(self, frame: Frame) -> None:
        if isinstance(frame.payload, str):
            self._coming += frame.payload.encode()
        if self._waiting_bytes + len(self._coming) > self._bounds.message_bytes:
            self._leave(CloseReason.MESSAGE_TOO_BIG, f"over {self._bounds.message_bytes:,} bytes")
        elif frame.message_finished and len(self._messages) >= self._bounds.waiting:
            self._leave(CloseReason.POLICY_VIOLATION, f"over {self._bounds.waiting} messages wait")
        elif frame.message_finished:
            self._messages.append(bytes(self._coming))
            self._waiting_bytes += len(self._coming)
            self._coming.clear()
            self._wake()

    def _leave(self, code: int, why: str) -> None:
        """The client closes, or breaks the protocol, which is no better."""
        self._left = True
        self.end(CloseReason(code) if code in _TOLD else CloseReason.NORMAL_CLOSURE, why)
        if self._work is not None:
            self._work.cancel()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    def _look(self) -> None:
        """The time for a sign of life is over."""
        if self._closed or self._client.lost:
            return
        if not self._heard:
            self._client.abort()
            return
        self._heard = False
        self._reply.write(bytes(self._frames.ping()))
        self._timer = self._loop.call_later(self._bounds.silence_seconds, self._look)


_TOLD: Final = frozenset(CloseReason) - {
    CloseReason.NO_STATUS_RCVD,
    CloseReason.ABNORMAL_CLOSURE,
    CloseReason.TLS_HANDSHAKE_FAILED,
}
"""Codes that may stand in a frame."""


def _bytes(frame: Frame) -> bytes:
    return bytes(frame.payload) if isinstance(frame.payload, bytes | bytearray) else b""


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False
