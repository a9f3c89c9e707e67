"""The trace of a request, as it is noted on the way: who asked us, and whom we asked; spans are made of it later.

A client's `traceparent` is heard, as W3C says (https://www.w3.org/TR/trace-context/): its trace goes on with ours, and
is kept if the client keeps it. It goes on to providers only where the settings say so, as a span of ours.
"""

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

import msgspec

from weighbridge.ledger.entry import Entry

_PARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?")
_STATE: Final = re.compile(rb"[\x20-\x7e]{1,512}")
_SAMPLED: Final = 1


class Ask(msgspec.Struct, frozen=True, gc=False):
    """One endpoint that was asked."""

    provider: str
    upstream_model: str
    began: float
    """Seconds of the tracer's clock."""
    span: int


class Trace(msgspec.Struct, eq=False):
    """Of one request."""

    _tracer: "Tracer"
    id: int
    span: int
    """That of the request."""
    parent: int | None
    """The client's; None: the trace begins here."""
    began: float
    is_kept: bool
    state: bytes = b""
    """The client's `tracestate`."""
    asks: list[Ask] = []

    def asked(self, provider: str, upstream_model: str) -> bytes:
        """Note that an endpoint is asked now; the headers that go along, each with its end of line."""
        tracer = self._tracer
        span = tracer.new_span()
        if self.is_kept:
            self.asks.append(Ask(provider, upstream_model, tracer.seconds(), span))
        if not tracer.passes_on:
            return b""
        parent = b"traceparent: 00-%032x-%016x-%02x\r\n" % (self.id, span, self.is_kept)
        return parent + b"tracestate: %b\r\n" % self.state if self.state else parent

    def end(self, entry: Entry, operation: str) -> None:
        """The request is settled so."""
        if self.is_kept:
            self._tracer.ended(entry, operation, self)


Ended = Callable[[Entry, str, Trace], None]


class Tracer:
    """For one worker."""

    def __init__(
        self, ended: Ended, seconds: Callable[[], float], *, share: float, passes_on: bool, chance: Random
    ) -> None:
        """`share` of the traces that begin here are kept; `ended` is told of each that is, with its entry."""
        self.ended = ended
        self.seconds = seconds
        self.passes_on = passes_on
        self._share = share
        self._chance = chance

    def begin(self, headers: Mapping[bytes, bytes]) -> Trace | None:
        """The trace of a request with these headers; None: nothing is to be noted of it."""
        known = parent_in(headers.get(b"traceparent"))
        is_kept = self._chance.random() < self._share if known is None else known[2]
        if not is_kept and not self.passes_on:
            return None
        if known is None:
            id_ = self._chance.getrandbits(128) or 1
            return Trace(self, id_, self.new_span(), None, self.seconds(), is_kept)
        state = headers.get(b"tracestate", b"")
        state = state if _STATE.fullmatch(state) else b""
        return Trace(self, known[0], self.new_span(), known[1], self.seconds(), is_kept, state)

    def new_span(self) -> int:
        """An id for a span."""
        return self._chance.getrandbits(64) or 1


def parent_in(header: bytes | None) -> tuple[int, int, bool] | None:
    """Trace, span, and whether it is kept, of a `traceparent`; None where there is none that means anything."""
    if header is None:
        return None
    found = _PARENT.fullmatch(header.strip())
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    trace_id, span_id = int(trace, 16), int(span, 16)
    if not trace_id or not span_id:
        return None
    return trace_id, span_id, bool(int(flags, 16) & _SAMPLED)
