"""A message as a stream of events, for a client and an upstream that both speak Messages: what passes, what waits.

Events pass through as they came. Looked into are those that begin and end the message (its usage; the last gets the
cost), an error in the middle, and `message_stop`, which is kept until the caller has written its receipt.
"""

from typing import Final

from weighbridge.wire import reported, sse
from weighbridge.wire.chat.read import Unreadable
from weighbridge.wire.decoding import readable
from weighbridge.wire.messages.answer import EventReader
from weighbridge.wire.surface import Cost
from weighbridge.wire.usage import Usage

STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_KEPT: Final = 64 * 1024
"""Bytes kept unread in case nobody reports usage; over it they are counted and let go."""
_MARKS: Final = (b'"message_', b'"usage"', b'"error"')
"""What stands in every event that must be looked into."""


class Passed:
    """See wire.surface.Stream."""

    __slots__ = ("_cost", "_counter", "_held", "_kept", "_kept_bytes", "_reader", "_splitter")

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._splitter = sse.Splitter()
        self._reader = EventReader()
        """Reads what is remarkable."""
        self._counter = EventReader()
        """Reads the rest, for their length."""
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._held: list[bytes] = []

    @property
    def usage(self) -> Usage | None:
        """See Stream.usage: known when the answer has been counted to its end."""
        return self._reader.usage

    @property
    def done(self) -> bool:
        """See Stream.done."""
        return self._reader.done

    @property
    def fault(self) -> str | None:
        """See Stream.fault."""
        return self._reader.fault

    def feed(self, data: bytes) -> bytes:
        """See Stream.feed."""
        whole = self._splitter.feed(data)
        if not whole or self.fault is not None:
            return b""
        if not self.done and not _remarkable(whole):
            return self._keep(whole)
        return b"".join([self._event(event) for event in sse.events(whole)])

    def end(self) -> bytes:
        """See Stream.end."""
        rest = self._splitter.rest
        document = sse.document(rest)
        if document is None or not readable(document):
            return b""
        return self._event(rest.rstrip(b"\r\n") + b"\n\n")

    def last(self) -> bytes:
        """See Stream.last."""
        return b"".join(self._held) or STOP

    @property
    def whole(self) -> bool:
        """See Stream.whole."""
        return self.fault is None and (self.done or self._reader.finished)

    @property
    def said_bytes(self) -> int:
        """See Stream.said_bytes."""
        self._count()
        return self._counter.said_bytes

    def _event(self, event: bytes) -> bytes:
        if self.fault is not None:
            return b""
        if self.done:
            self._held.append(event)
            return b""
        document = sse.document(event) if _remarkable(event) else None
        return self._keep(event) if document is None else self._looked_into(event, document)

    def _looked_into(self, event: bytes, document: bytes) -> bytes:
        counted = self._reader.usage
        try:
            self._reader.read(document)
        except Unreadable as exc:
            self._reader.fault = str(exc)
        if self.fault is not None:
            return b""
        if self.done:
            self._held.append(event)
            return b""
        usage = self._reader.usage
        if usage is counted or usage is None:
            return self._keep(event)
        return self._priced(event, document, usage)

    def _priced(self, event: bytes, document: bytes, usage: Usage) -> bytes:
        cost = self._cost(usage)
        if cost is None:
            return event
        priced = reported.with_cost(document, cost)
        if document in event:
            return event.replace(document, priced, 1)
        return b"event: message_delta\ndata: " + priced.replace(b"\n", b" ") + b"\n\n"  # it came on several lines

    def _keep(self, events: bytes) -> bytes:
        self._kept.append(events)
        self._kept_bytes += len(events)
        if self._kept_bytes > _KEPT:
            self._count()
        return events

    def _count(self) -> None:
        for document in sse.documents(b"".join(self._kept)):
            try:
                self._counter.read(document)
            except Unreadable:
                continue  # it is not ours to judge: the client has it as it came
        self._kept.clear()
        self._kept_bytes = 0


def _remarkable(events: bytes) -> bool:
    return any(events.find(mark) >= 0 for mark in _MARKS)
