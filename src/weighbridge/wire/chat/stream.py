"""A chat completion as a stream of chunks: what to pass on, what was used, and whether it came to its end.

Events pass through as they came. Three kinds are looked into: the one with the usage (it gets the cost, or is
dropped where nobody asked for it), an error in the middle, and `[DONE]`, which is kept until the caller has
written its receipt.
"""

import re
from collections.abc import Callable
from typing import Final

from weighbridge.wire import reported, sse
from weighbridge.wire.decoding import readable
from weighbridge.wire.usage import Usage

DONE: Final = b"data: [DONE]\n\n"

_KEPT: Final = 64 * 1024
"""Bytes kept unread in case nobody reports usage; over it they are counted and let go."""
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')


class ChatStream:
    """Feed it what arrives; it gives back what the client is to have now."""

    __slots__ = (
        "_cost",
        "_finished",
        "_kept",
        "_kept_bytes",
        "_said_bytes",
        "_splitter",
        "_wants_usage",
        "done",
        "fault",
        "usage",
    )

    def __init__(self, *, wants_usage: bool, cost: Callable[[Usage], str | None]) -> None:
        """`cost` gives the price of a usage in US dollars, as digits; None where it is not known."""
        self._wants_usage = wants_usage
        self._cost = cost
        self._splitter = sse.Splitter()
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._said_bytes = 0
        self._finished = False
        self.usage: Usage | None = None
        """The last usage that was reported."""
        self.done = False
        """`[DONE]` has come."""
        self.fault: str | None = None
        """What the upstream said went wrong in the middle of its answer."""

    def feed(self, data: bytes) -> bytes:
        """Some more of the stream, cut anywhere; the whole events to pass on now. Raises sse.TooLong."""
        whole = self._splitter.feed(data)
        if not whole or self.done or self.fault is not None:
            return b""
        at = _remarkable(whole)
        if at is None:
            return self._keep(whole)
        plain = self._keep(whole[:at]) if at else b""
        return plain + b"".join([self._event(event) for event in sse.events(whole[at:])])

    def end(self) -> bytes:
        """The upstream has ended its body: its last event, had it come whole but for the blank line."""
        rest = self._splitter.rest
        document = sse.document(rest)
        if document is None or not (document == b"[DONE]" or readable(document)):
            return b""
        return self._event(rest.rstrip(b"\r\n") + b"\n\n")

    def last(self) -> bytes:
        """`[DONE]`."""
        return DONE

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end: it said so, or at least a choice was finished."""
        if not self.done:
            self._count()
        return self.fault is None and (self.done or self._finished)

    @property
    def said_bytes(self) -> int:
        """Bytes of text, reasoning and tool calls in the chunks so far."""
        self._count()
        return self._said_bytes

    def _event(self, event: bytes) -> bytes:
        if self.done or self.fault is not None:
            return b""
        document = sse.document(event)
        if document is None:
            return event
        if document == b"[DONE]":
            self.done = True
            return b""
        if document.find(b'"error"') >= 0 and (fault := reported.fault_in(document)) is not None:
            self.fault = fault
            return b""
        usage = reported.usage_in(document) if _USAGE.search(document) else None
        if usage is None:
            return self._keep(event)
        self.usage = usage
        return self._usage_event(event, document, usage)

    def _usage_event(self, event: bytes, document: bytes, usage: Usage) -> bytes:
        self._keep(event)
        if not self._wants_usage and reported.only_usage(document):
            return b""
        cost = self._cost(usage)
        if cost is None:
            return event
        priced = reported.with_cost(document, cost)
        if document in event:
            return event.replace(document, priced, 1)
        return b"data: " + priced.replace(b"\n", b" ") + b"\n\n"  # it came on several lines

    def _keep(self, events: bytes) -> bytes:
        self._kept.append(events)
        self._kept_bytes += len(events)
        if self._kept_bytes > _KEPT:
            self._count()
        return events

    def _count(self) -> None:
        for event in sse.events(b"".join(self._kept)):
            document = sse.document(event)
            if document is not None:
                length, finished = reported.said(document)
                self._said_bytes += length
                self._finished = self._finished or finished
        self._kept.clear()
        self._kept_bytes = 0


def _remarkable(events: bytes) -> int | None:
    """Where the first event starts that must be looked into; None where there is none."""
    usage = _USAGE.search(events) if events.find(b'"usage"') >= 0 else None
    places = [place for place in (events.find(b"[DONE]"), events.find(b'"error"')) if place >= 0]
    if usage is not None:
        places.append(usage.start())
    return _event_start(events, min(places)) if places else None


def _event_start(events: bytes, at: int) -> int:
    """Where the event that `at` lies in begins."""
    blank, blank_crlf = events.rfind(b"\n\n", 0, at), events.rfind(b"\n\r\n", 0, at)
    return max(blank + 2 if blank >= 0 else 0, blank_crlf + 3 if blank_crlf >= 0 else 0)
