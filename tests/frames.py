"""The client's side of a WebSocket, in bytes."""

from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode

from weighbridge.transport.message import Headers

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What RFC 6455, section 1.3 says is the answer to that key."""
OFFER: Headers = (
    (b"connection", b"keep-alive, Upgrade"),
    (b"upgrade", b"WebSocket"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", KEY),
)


def handshake(target: bytes, *more: tuple[bytes, bytes], without: bytes = b"", method: bytes = b"GET") -> bytes:
    """The request that begins one."""
    headers = (*(each for each in OFFER if each[0] != without), *more)
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return b"%b %b HTTP/1.1\r\nhost: test\r\n%b\r\n" % (method, target, lines)


class Frames:
    """Writes a client's frames, and reads a server's, however they are cut."""

    def __init__(self) -> None:
        self._protocol = FrameProtocol(client=True, extensions=[])
        self._texts: list[str] = [""]
        self.texts: list[str] = []
        """Messages that have come whole."""
        self.pongs: list[bytes] = []
        self.pings = 0
        self.closed: tuple[int, str] | None = None
        """The code and the reason of the server's close."""

    def text(self, text: str, *, last: bool = True) -> bytes:
        """A message, or a piece of one."""
        return bytes(self._protocol.send_data(text, last))

    def binary(self, data: bytes) -> bytes:
        """A message that is no text."""
        return bytes(self._protocol.send_data(data))

    def ping(self, payload: bytes) -> bytes:
        """A ping."""
        return bytes(self._protocol.ping(payload))

    def pong(self) -> bytes:
        """A pong."""
        return bytes(self._protocol.pong())

    def close(self, code: int = CloseReason.NORMAL_CLOSURE) -> bytes:
        """The client's close."""
        return bytes(self._protocol.close(code))

    def feed(self, data: bytes) -> None:
        """Some of what the server sent."""
        self._protocol.receive_bytes(data)
        for frame in self._protocol.received_frames():
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        match frame.opcode, frame.payload:
            case Opcode.TEXT, str(text):
                self._texts[-1] += text
                if frame.message_finished:
                    self.texts.append(self._texts.pop())
                    self._texts.append("")
            case Opcode.PING, _:
                self.pings += 1
            case Opcode.PONG, bytes(payload):
                self.pongs.append(payload)
            case Opcode.CLOSE, tuple(payload):
                self.closed = (int(payload[0]), payload[1])
