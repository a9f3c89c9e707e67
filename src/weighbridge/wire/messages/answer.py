"""Answers in Anthropic's Messages format, whole and as events, read into the inner form.

Left out, as no other dialect has a place for them: citations, and blocks that only Anthropic's own tools make, which
nobody was offered. A refusal's explanation is its words.

Anthropic counts apart what was read from its cache and what was written to it: `Usage.prompt` is the sum of all three.
A stream counts the prompt in its first event and the answer in its last but one; until then `usage` is not known, so
that an answer that breaks off is never charged with the few tokens it had begun with.

https://platform.claude.com/docs/en/api/messages and …/build-with-claude/streaming
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from weighbridge.wire import reported
from weighbridge.wire.chat.read import Unreadable, answer_of
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.inner import (
    Answer,
    Began,
    Event,
    Finish,
    Finished,
    Refused,
    Said,
    ThoughtOn,
    ToolBegan,
    ToolWent,
)
from weighbridge.wire.reported import MOST_TOKENS
from weighbridge.wire.usage import Usage

_Counts = Mapping[str, object]
_ABSENT: Final = msgspec.Raw()

_FINISHES: Final[dict[str, Finish]] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "pause_turn": "pause",
}


class _StopDetails(msgspec.Struct, gc=False):
    explanation: str | None = None


class _Block(msgspec.Struct, gc=False):
    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _ABSENT


class _Delta(msgspec.Struct, gc=False):
    """Of a block, or of the message."""

    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: _StopDetails | None = None


class _Message(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    type: str = "message"
    content: list[_Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: _StopDetails | None = None
    usage: dict[str, object] | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: dict[str, object] | None = None


class _Used(msgspec.Struct, gc=False):
    usage: dict[str, object] | None = None


_events: Final = msgspec.json.Decoder(_Event)
_messages: Final = msgspec.json.Decoder(_Message)
_used: Final = msgspec.json.Decoder(_Used)
_empty: Final = (b"", b"null", b"{}")


class EventReader:
    """Reads the events of one stream."""

    __slots__ = ("_blocks", "_counts", "_said", "_uses", "done", "fault", "finished", "said_bytes", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        """What the whole answer took, once it is counted."""
        self.finished = False
        """A reason to stop has come."""
        self.done = False
        """`message_stop` has come."""
        self.fault: str | None = None
        """What the upstream said went wrong in the middle of its answer."""
        self.said_bytes = 0
        """Bytes of text, reasoning and tool inputs so far."""
        self._counts: dict[str, object] = {}
        self._uses = 0
        self._blocks: dict[int, int] = {}
        """The open blocks that are tools' uses, and which use each is."""
        self._said: set[int] = set()
        """The uses whose input has begun."""

    def read(self, document: bytes) -> list[Event]:
        """The events of one document. Raises Unreadable."""
        try:
            event = _events.decode(document)
        except UNREADABLE as exc:
            raise Unreadable(f"an event cannot be read: {exc}") from exc
        match event.type:
            case "content_block_delta":
                return self._delta(event)
            case "content_block_start":
                return self._start(event)
            case "content_block_stop":
                return self._stop(event.index)
            case "message_start":
                return self._begin(event.message or _Message())
            case "message_delta":
                return self._end(event)
            case "message_stop":
                self.done = True
            case "error":
                self.fault = reported.fault_in(document) or "an error without words"
        return []

    def _begin(self, message: _Message) -> list[Event]:
        counts = message.usage or {}
        self._counts.update(_known(counts))
        return [Began(message.id or "", message.model or "", usage=_usage(self._counts))]

    def _start(self, event: _Event) -> list[Event]:
        block = event.content_block
        if block is None:
            return []
        if block.type == "tool_use":
            self._blocks[event.index] = self._uses
            self._uses += 1
        events = _events_of(block, self._uses - 1)
        if any(isinstance(each, ToolWent) for each in events):
            self._said.add(self._uses - 1)
        self._count(events)
        return events

    def _delta(self, event: _Event) -> list[Event]:
        delta = event.delta
        if delta is None:
            return []
        events: list[Event] = []
        if delta.text:
            events.append(Said(delta.text))
        elif delta.thinking:
            events.append(ThoughtOn(delta.thinking))
        elif delta.signature:
            events.append(ThoughtOn("", delta.signature))
        elif delta.partial_json and (use := self._blocks.get(event.index)) is not None:
            self._said.add(use)
            events.append(ToolWent(use, delta.partial_json))
        self._count(events)
        return events

    def _stop(self, index: int) -> list[Event]:
        """A tool's use without any input has an empty one."""
        use = self._blocks.pop(index, None)
        if use is None or use in self._said:
            return []
        events: list[Event] = [ToolWent(use, "{}")]
        self._count(events)
        return events

    def _end(self, event: _Event) -> list[Event]:
        self._counts.update(_known(event.usage or {}))
        if event.usage is not None:
            self.usage = _usage(self._counts)
        delta = event.delta
        if delta is None or delta.stop_reason is None:
            return []
        self.finished = True
        return _finished(delta.stop_reason, delta.stop_sequence, delta.stop_details)

    def _count(self, events: list[Event]) -> None:
        self.said_bytes += sum(map(_length, events))


def _events_of(block: _Block, use: int) -> list[Event]:
    """What a block says by itself; `use` is its place among the tools' uses."""
    match block.type:
        case "text":
            return [Said(block.text)] if block.text else []
        case "thinking":
            signature = block.signature or None
            return [ThoughtOn(block.thinking or "", signature)] if block.thinking or signature else []
        case "redacted_thinking":
            return [ThoughtOn(sealed=block.data or "")]
        case "tool_use":
            given = bytes(block.input)
            told = [] if given in _empty else [ToolWent(use, given.decode())]
            return [ToolBegan(use, block.id or "", block.name or ""), *told]
        case _:
            return []


def _finished(reason: str, sequence: str | None, details: _StopDetails | None) -> list[Event]:
    finish = _FINISHES.get(reason, "stop")
    ended = Finished(finish, sequence if finish == "stop_sequence" else None)
    why = None if details is None else details.explanation
    return [Refused(why), ended] if why else [ended]


def _length(event: Event) -> int:
    match event:
        case Said(text=text) | ThoughtOn(text=text) | ToolWent(arguments=text):
            return len(text) if text.isascii() else len(text.encode(errors="replace"))
        case _:
            return 0


def read_answer(document: bytes) -> Answer:
    """A whole message. Raises Unreadable."""
    try:
        message = _messages.decode(document)
    except UNREADABLE as exc:
        raise Unreadable(f"the message cannot be read: {exc}") from exc
    if message.type != "message" or message.content is None:
        raise Unreadable(reported.fault_in(document) or f"the answer is no message but {message.type!r}")
    return answer_of(_all_events(message, message.content), _usage(message.usage or {}))


def _all_events(message: _Message, content: list[_Block]) -> list[Event]:
    events: list[Event] = [Began(message.id or "", message.model or "")]
    uses = 0
    for block in content:
        said = _events_of(block, uses)
        if block.type == "tool_use":
            if len(said) == 1:
                said.append(ToolWent(uses, "{}"))
            uses += 1
        events += said
    return events + _finished(message.stop_reason or "", message.stop_sequence, message.stop_details)


def usage_in(document: bytes) -> Usage | None:
    """The usage a whole message reports; None where it reports none, or none that can be read."""
    try:
        counts = _used.decode(document).usage
    except UNREADABLE:
        return None
    return None if counts is None else _usage(counts)


def said(document: bytes) -> tuple[int, bool]:
    """What a whole message says: bytes of text, reasoning and tool inputs; and whether it is finished."""
    try:
        message = _messages.decode(document)
    except UNREADABLE:
        return 0, False
    return sum(map(_length, _all_events(message, message.content or []))), message.stop_reason is not None


def _known(counts: _Counts) -> dict[str, object]:
    return {name: value for name, value in counts.items() if value is not None}


def _usage(counts: _Counts) -> Usage | None:
    apart, completion = _count(counts, "input_tokens"), _count(counts, "output_tokens")
    if apart is None or completion is None:
        return None
    cached, written = _count(counts, "cache_read_input_tokens"), _count(counts, "cache_creation_input_tokens")
    details = counts.get("output_tokens_details")
    reasoning = _count(details, "thinking_tokens") if isinstance(details, dict) else None
    return Usage(
        apart + (cached or 0) + (written or 0),
        completion,
        cached=cached,
        written=written,
        reasoning=None if reasoning is None else min(reasoning, completion),
    )


def _count(counts: _Counts, name: str) -> int | None:
    value = counts.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST_TOKENS else None
