"""Messages answers as chat completions, for the rest of the gateway to read as any upstream's."""

from typing import Any, Final

import msgspec

from weighbridge.wire import sse
from weighbridge.wire.chat.answer import ChunkWriter, write_answer
from weighbridge.wire.chat.read import Unreadable
from weighbridge.wire.decoding import readable
from weighbridge.wire.messages.answer import EventReader, read_answer
from weighbridge.wire.usage import Usage

_KEEP_ALIVE: Final = b": ping\n\n"
_encode: Final = msgspec.json.Encoder().encode


def chat_document(document: bytes, created: int = 0) -> bytes:
    """The chat completion that a message comes to; `created` in seconds since 1970.

    Raises Unreadable where it is no message.
    """
    return write_answer(read_answer(document), created)


class ChatChunks:
    """A Messages stream as a chat stream: its bytes in, cut anywhere; chunks out, with the usage as the last of them.

    An error, or an event that cannot be read, becomes a chunk with an `error`, and nothing comes after it. A stream
    that ends without a reason to stop has no last chunk, as any chat stream that broke off.
    """

    __slots__ = ("_counted", "_ended", "_reader", "_splitter", "_writer")

    def __init__(self, created: int = 0) -> None:
        """`created`, in seconds since 1970, is when it was asked for."""
        self._splitter = sse.Splitter()
        self._reader = EventReader()
        self._writer = ChunkWriter(created)
        self._counted: Usage | None = None
        """The tokens that were said; they come with the reason to stop, before the last event."""
        self._ended = False
        """Nothing more is to be said."""

    def feed(self, data: bytes) -> bytes:
        """Some more of the stream; the chunks that it makes. Raises sse.TooLong."""
        whole = self._splitter.feed(data)
        if not whole:
            return b""
        return b"".join([self._said(document) for document in sse.documents(whole)])

    def end(self) -> bytes:
        """The upstream has ended its body: what is still to be said."""
        rest = sse.document(self._splitter.rest)
        said = self._said(rest) if rest is not None and readable(rest) else b""
        if self._ended or not self._reader.finished:
            return said
        return said + self._last()

    def _said(self, document: bytes) -> bytes:
        if self._ended:
            return b""
        reader = self._reader
        try:
            events = reader.read(document)
        except Unreadable as exc:
            return self._broken(str(exc))
        if reader.fault is not None:
            return self._broken(reader.fault)
        if reader.done:
            return self._last()
        if not events:
            return _KEEP_ALIVE if document.find(b'"ping"') >= 0 else b""
        said = b"".join([self._writer.write(event) for event in events])
        return said + self._count() if reader.finished else said

    def _last(self) -> bytes:
        self._ended = True
        return self._count() + self._writer.last(None, None)

    def _count(self) -> bytes:
        usage = self._reader.usage
        if usage is None or usage == self._counted:
            return b""
        self._counted = usage
        return self._writer.counted(usage, None)

    def _broken(self, fault: str) -> bytes:
        self._ended = True
        error: dict[str, Any] = {"message": fault, "type": "upstream_error", "code": None}
        return b"data: %b\n\n" % _encode({"error": error})
