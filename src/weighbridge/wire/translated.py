"""A chat stream in another dialect: the upstream's chunks become inner events, and those the dialect's own.

What a dialect ends with waits for the receipt, as `[DONE]` does.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from weighbridge.wire import reported, sse
from weighbridge.wire.chat.read import ChunkReader, Unreadable, answer_of
from weighbridge.wire.decoding import readable
from weighbridge.wire.inner import (
    Answer,
    Began,
    Event,
    Finished,
    Part,
    Refusal,
    Refused,
    Said,
    Text,
    Thought,
    ThoughtOn,
    ToolBegan,
    ToolUse,
    ToolWent,
)
from weighbridge.wire.surface import Cost
from weighbridge.wire.usage import Usage


class EventWriter(Protocol):
    """Writes one answer's events in a dialect."""

    def write(self, event: Event) -> bytes:
        """The events that say this; none where the dialect says it at the end, or not at all."""
        ...

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        """The events that end the answer, with the tokens as far as they are known."""
        ...


class Translated:
    """See wire.surface.Stream."""

    __slots__ = ("_cost", "_reader", "_splitter", "_writer", "done", "fault", "usage")

    def __init__(self, writer: EventWriter, cost: Cost) -> None:
        self._writer = writer
        self._cost = cost
        self._reader = ChunkReader()
        self._splitter = sse.Splitter()
        self.usage: Usage | None = None
        self.done = False
        self.fault: str | None = None

    def feed(self, data: bytes) -> bytes:
        """See Stream.feed."""
        whole = self._splitter.feed(data)
        if not whole:
            return b""
        documents = sse.documents(whole)
        if len(documents) == 1:
            return self._said(documents[0])
        return b"".join([self._said(document) for document in documents])

    def end(self) -> bytes:
        """See Stream.end."""
        rest = self._splitter.rest
        document = sse.document(rest)
        if document is None or not (document == b"[DONE]" or readable(document)):
            return b""
        return self._said(document)

    def last(self) -> bytes:
        """See Stream.last."""
        usage = self.usage
        return self._writer.last(usage, None if usage is None else self._cost(usage))

    @property
    def whole(self) -> bool:
        """See Stream.whole."""
        return self.fault is None and (self.done or self._reader.finished)

    @property
    def said_bytes(self) -> int:
        """See Stream.said_bytes."""
        return self._reader.said_bytes

    def _said(self, document: bytes) -> bytes:
        if self.done or self.fault is not None:
            return b""
        if document == b"[DONE]":
            self.done = True
            return b""
        if document.find(b'"error"') >= 0 and (fault := reported.fault_in(document)) is not None:
            self.fault = fault
            return b""
        try:
            events = self._reader.read(document)
        except Unreadable as exc:
            self.fault = str(exc)
            return b""
        self.usage = self._reader.usage
        write = self._writer.write
        if len(events) == 1:
            return write(events[0])
        return b"".join([write(each) for each in events])


class Gatherer:
    """An EventWriter that writes nothing until the end, and then the whole answer."""

    def __init__(self, write: Callable[[Answer, str | None], bytes]) -> None:
        """`write` makes the document, with the cost in US dollars."""
        self._write = write
        self._events: list[Event] = []

    def write(self, event: Event) -> bytes:
        """See EventWriter.write."""
        self._events.append(event)
        return b""

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        """See EventWriter.last."""
        return self._write(answer_of(self._events, usage), cost)


def events_of(answer: Answer) -> Iterator[Event]:
    """A whole answer as the events it might have come in."""
    yield Began(answer.id, answer.model, answer.created, answer.usage)
    uses = 0
    for part in answer.parts:
        yield from _events_of(part, uses)
        uses += isinstance(part, ToolUse)
    yield Finished(answer.finish, answer.stop_sequence)


def _events_of(part: Part, index: int) -> Iterator[Event]:
    match part:
        case Text(text=text, logprobs=logprobs):
            yield Said(text, logprobs)
        case Refusal(text=text):
            yield Refused(text)
        case Thought(text=text, signature=signature, sealed=sealed):
            yield ThoughtOn(text, signature, sealed)
        case ToolUse(id=id_, name=name, arguments=arguments):
            yield ToolBegan(index, id_, name)
            yield ToolWent(index, arguments)
        case _:
            raise TypeError(f"no part of an answer: {part!r}")
