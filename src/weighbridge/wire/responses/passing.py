"""A response from a provider that speaks Responses itself, on its way to the client: as it is.

But for these: our id, `store` and `previous_response_id` stand where the provider's did, and its usage has the cost.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec

from weighbridge.errors import UpstreamError, WeighbridgeError
from weighbridge.wire import reported, splice, sse
from weighbridge.wire.decoding import UNREADABLE, readable
from weighbridge.wire.responses.passed import Request
from weighbridge.wire.responses.replay import replayed
from weighbridge.wire.surface import Cost
from weighbridge.wire.usage import Usage

_KEPT: Final = 64 * 1024
"""Bytes kept unread in case nobody reports usage; over it they are counted and let go."""


class _Event(msgspec.Struct):
    type: str = ""
    delta: msgspec.Raw = msgspec.Raw()


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: Annotated[int, msgspec.Meta(ge=0, le=reported.MOST_TOKENS)]
    output_tokens: Annotated[int, msgspec.Meta(ge=0, le=reported.MOST_TOKENS)]
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None

    def inner(self) -> Usage:
        read, made = self.input_tokens_details, self.output_tokens_details
        cached = _within(self.input_tokens, None if read is None else read.cached_tokens)
        return Usage(
            self.input_tokens,
            self.output_tokens,
            cached=cached,
            written=_within(self.input_tokens - (cached or 0), None if read is None else read.cache_write_tokens),
            reasoning=_within(self.output_tokens, None if made is None else made.reasoning_tokens),
        )


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


class _Output(msgspec.Struct):
    output: msgspec.Raw = msgspec.Raw()


class _Response(msgspec.Struct):
    """What others rely on in a response that has ended."""

    output: list[dict[str, msgspec.Raw]]


class _Ending(msgspec.Struct):
    response: _Response


_events: Final = msgspec.json.Decoder(_Event)
_answers: Final = msgspec.json.Decoder(_Answer)
_outputs: Final = msgspec.json.Decoder(_Output)
_responses: Final = msgspec.json.Decoder(_Response)
_endings: Final = msgspec.json.Decoder(_Ending)


def usage_in(document: bytes) -> Usage | None:
    """The tokens that a response reports."""
    try:
        usage = _answers.decode(document).usage
    except UNREADABLE:
        return None
    return None if usage is None else usage.inner()


def said_in(document: bytes) -> int:
    """Bytes of a response's output, as JSON."""
    try:
        return len(bytes(_outputs.decode(document).output))
    except UNREADABLE:
        return 0


def _within(most: int, count: int | None) -> int | None:
    return None if count is None else max(0, min(count, most))


class Passing:
    """One response on its way through. `document` is what it is, or has become so far. See surface.Form."""

    def __init__(self, id_: str, request: Request, *, stored: bool) -> None:
        self._ours = {
            "id": msgspec.json.encode(id_),
            "store": b"true" if stored else b"false",
            "previous_response_id": msgspec.json.encode(request.previous),
        }
        self.streamed = request.call.streamed
        """Whether the client gets events, whichever the provider sends."""
        self.document = b""
        self._passed = 0
        self._failure = b""

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            _responses.decode(document)
        except UNREADABLE as exc:
            raise UpstreamError(f"the provider answered 200 with no response: {exc}") from exc
        self.document = self._priced(self._with_ours(document), cost)
        return replayed(self.document) if self.streamed else self.document

    def stream(self, cost: Cost) -> "PassedStream":
        """See Form.stream."""
        return PassedStream(self, cost)

    def event(self, kind: str, event: bytes, cost: Callable[[bytes], str | None]) -> bytes:
        """An event of this kind, which has the response in it, with what is ours in its place."""
        document = (sse.document(event) or b"").replace(b"\n", b" ")  # it may come on several lines
        at = splice.places(document, "response")
        if not at or document[at[-1][0] : at[-1][0] + 1] != b"{":
            return event
        start, end = at[-1]
        self.document = self._with_ours(document[start:end])
        self.document = self._priced(self.document, cost(self.document))
        ours = document[:start] + self.document + document[end:]
        if document in event:
            return event.replace(document, ours, 1)
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), ours)

    def passed(self, events: bytes) -> None:
        """These go to the client: the next one's number is told by them."""
        self._passed += events.count(b"\ndata:") + events.startswith(b"data:")

    def broke(self, event: bytes) -> None:
        """The provider's own last word on an answer that broke off."""
        self._failure = event

    def failed(self, error: WeighbridgeError) -> bytes:
        """The events that end an answer which broke off."""
        if self._failure:
            return self._failure
        said = msgspec.json.encode(
            {"type": error.kind, "code": error.code, "message": error.message, "param": error.param}
        )
        events = self._event(b"error", b'"error":%b' % said)
        if not self.document:
            return events
        code = "rate_limit_exceeded" if error.status == 429 else "server_error"
        failure = msgspec.json.encode({"code": code, "message": error.message})
        self.document = _with(self.document, {"status": b'"failed"', "error": failure})
        return events + self._event(b"response.failed", b'"response":%b' % self.document)

    def cancelled(self) -> bytes:
        """The event that ends an answer which was called off."""
        self.document = _with(self.document or b"{}", {"status": b'"cancelled"'})
        return self._event(b"response.incomplete", b'"response":%b' % self.document)

    def _event(self, name: bytes, fields: bytes) -> bytes:
        number = self._passed
        self._passed += 1
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (name, name, number, fields)

    def _with_ours(self, response: bytes) -> bytes:
        return _with(response, self._ours)

    def _priced(self, response: bytes, cost: str | None) -> bytes:
        return response if cost is None else reported.with_cost(response, cost)


class PassedStream:
    """See surface.Stream: events pass as they come, but for those that have the response in them, and the last."""

    def __init__(self, passing: Passing, cost: Cost) -> None:
        self._passing = passing
        self._cost = cost
        self._splitter = sse.Splitter()
        self._last = b""
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._said_bytes = 0
        self.usage: Usage | None = None
        self.done = False
        self.fault: str | None = None

    def feed(self, data: bytes) -> bytes:
        """See Stream.feed."""
        whole = self._splitter.feed(data)
        if not whole or self.done or self.fault is not None:
            return b""
        if whole.find(b'"response":') < 0 and whole.find(b"error") < 0:
            return self._keep(whole)
        return b"".join([self._looked_into(event) for event in sse.events(whole)])

    def end(self) -> bytes:
        """See Stream.end."""
        rest = self._splitter.rest
        document = sse.document(rest)
        if document is None or not readable(document):
            return b""
        return self._looked_into(rest.rstrip(b"\r\n") + b"\n\n")

    def last(self) -> bytes:
        """See Stream.last: an event, or the response alone where no stream was asked for."""
        return self._last if self._passing.streamed else self._passing.document

    @property
    def whole(self) -> bool:
        """See Stream.whole."""
        return self.done and self.fault is None

    @property
    def said_bytes(self) -> int:
        """See Stream.said_bytes."""
        self._count()
        return self._said_bytes

    def _looked_into(self, event: bytes) -> bytes:
        if self.done or self.fault is not None:
            return b""
        document = sse.document(event)
        kind = "" if document is None else _kind(document)
        if document is None or kind not in _LIFE:
            return self._keep(event)
        if kind == "error":
            self.fault = reported.fault_in(document) or "the provider broke its stream off"
            self._passing.broke(event)
            return b""
        if kind in _TERMINAL and not _ends_it(document):
            self.fault = "the provider's stream ended with no response"
            return b""
        # a count from before the end is none: an answer that breaks off must not be charged with it
        event = self._passing.event(kind, event, _unpriced if kind in _UNDER_WAY else self._priced)
        if kind == "response.failed":
            self.fault = reported.fault_in(self._passing.document) or "the provider's response failed"
            self._passing.broke(event)
            return b""
        if kind in _TERMINAL:
            self.done, self._last = True, event
            return b""
        self._passing.passed(event)
        return event

    def _priced(self, response: bytes) -> str | None:
        usage = usage_in(response)
        if usage is None:
            return None
        self.usage = usage
        return self._cost(usage)

    def _keep(self, events: bytes) -> bytes:
        self._passing.passed(events)
        self._kept.append(events)
        self._kept_bytes += len(events)
        if self._kept_bytes > _KEPT:
            self._count()
        return events

    def _count(self) -> None:
        for document in sse.documents(b"".join(self._kept)):
            try:
                self._said_bytes += max(0, len(bytes(_events.decode(document).delta)) - 2)
            except UNREADABLE:
                continue
        self._kept.clear()
        self._kept_bytes = 0


_TERMINAL: Final = frozenset({"response.completed", "response.incomplete"})
_UNDER_WAY: Final = frozenset({"response.created", "response.queued", "response.in_progress"})
_LIFE: Final = _TERMINAL | _UNDER_WAY | {"response.failed", "error"}


def _ends_it(document: bytes) -> bool:
    try:
        _endings.decode(document)
    except UNREADABLE:
        return False
    return True


def _unpriced(_: bytes) -> None:
    return None


def _kind(document: bytes) -> str:
    try:
        return _events.decode(document).type
    except UNREADABLE:
        return ""


def _with(document: bytes, values: Mapping[str, bytes]) -> bytes:
    """The object with these values for fields; what it lacks is added in front."""
    if document.find(b"{") < 0:
        return document
    there: set[str] = set()
    parts: list[bytes] = []
    done = 0
    for name, (start, end) in splice.fields(document):
        there.add(name)
        if name in values:
            parts += (document[done:start], values[name])
            done = end
    whole = b"".join((*parts, document[done:]))
    missing = [b'"%b":%b' % (name.encode(), value) for name, value in values.items() if name not in there]
    if not missing:
        return whole
    at = whole.index(b"{") + 1
    comma = b"" if whole[at:].lstrip()[:1] == b"}" else b","
    return whole[:at] + b",".join(missing) + comma + whole[at:]
