"""Chat answers with what the provider left in the text put right, for every dialect alike.

It stands before the form that writes the answer: what goes on is a chat completion again, its thoughts in
`reasoning_content`, its calls in `tool_calls`. A chunk with nothing to put right goes on byte for byte.
"""

import re
from typing import Any, Final

import msgspec

from weighbridge.wire import sse
from weighbridge.wire.decoding import UNREADABLE, readable
from weighbridge.wire.habits.repair import Repair
from weighbridge.wire.inner import Began, Event, Said, ThoughtOn, ToolBegan, ToolWent
from weighbridge.wire.surface import Stream
from weighbridge.wire.usage import Usage

_Json = dict[str, Any]  # Any: the fields of an answer that pass through


class _Message(msgspec.Struct, gc=False):
    content: str | list[_Json] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Json] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: str | None = None
    choices: list[_Choice] | None = None


_chunks: Final = msgspec.json.Decoder(_Chunk)
_any: Final = msgspec.json.Decoder(_Json)
_encode: Final = msgspec.json.Encoder().encode
_OURS: Final = frozenset({"content", "reasoning_content", "reasoning", "tool_calls"})


def put_right(document: bytes, repair: Repair) -> bytes:
    """A whole chat completion; one that cannot be read stays as it is."""
    try:
        chunk = _chunks.decode(document)
    except UNREADABLE:
        return document
    fresh = [repair, *(repair.fresh() for _ in (chunk.choices or ())[1:])]
    said = [
        None if choice.message is None else _ChoiceRepair(one, chunk.id).message(choice.message, choice.finish_reason)
        for choice, one in zip(chunk.choices or (), fresh, strict=False)
    ]
    if not any(message is not None for message in said):
        return document
    answer: _Json = _any.decode(document)
    for written, message in zip(answer["choices"], said, strict=True):
        if message is not None:
            rest = {name: value for name, value in written["message"].items() if name not in _OURS}
            written["message"] = rest | {"content": None} | message
            if "tool_calls" in message and written.get("finish_reason") == "stop":
                written["finish_reason"] = "tool_calls"
    return _encode(answer)


class Repaired:
    """See surface.Stream: puts the chunks right and hands them to the stream of the form."""

    def __init__(self, stream: Stream, repair: Repair) -> None:
        self._stream = stream
        self._first = repair
        self._splitter = sse.Splitter()
        self._choices: dict[int, _ChoiceRepair] = {}
        """By the choice's number."""
        self._calm = False
        """Chunks without a mark in them may go on unread."""
        self._last = b"{}"
        """The last chunk that was written anew: what is still held back at the end goes out in one like it."""

    @property
    def usage(self) -> Usage | None:
        """See Stream.usage."""
        return self._stream.usage

    @property
    def done(self) -> bool:
        """See Stream.done."""
        return self._stream.done

    @property
    def fault(self) -> str | None:
        """See Stream.fault."""
        return self._stream.fault

    @property
    def whole(self) -> bool:
        """See Stream.whole."""
        return self._stream.whole

    @property
    def said_bytes(self) -> int:
        """See Stream.said_bytes; what is held back was said as well."""
        return self._stream.said_bytes + sum(each.held for each in self._choices.values())

    def feed(self, data: bytes) -> bytes:
        """See Stream.feed."""
        whole = self._splitter.feed(data)
        if not whole:
            return b""
        if self._calm and all(whole.find(each) < 0 for each in _REMARKABLE):
            return self._stream.feed(whole)
        return self._stream.feed(self._put_right(whole))

    def end(self) -> bytes:
        """See Stream.end."""
        rest = self._splitter.rest
        document = sse.document(rest)
        last = b""
        if document is not None and (document == b"[DONE]" or readable(document)):
            last = self._put_right(rest.rstrip(b"\r\n") + b"\n\n")
        return self._stream.feed(last + self._held_back()) + self._stream.end()

    def last(self) -> bytes:
        """See Stream.last."""
        return self._stream.last()

    def _put_right(self, events: bytes) -> bytes:
        out = b"".join([self._event(event) for event in sse.events(events)])
        self._calm = bool(self._choices) and self._first.calm
        return out

    def _event(self, event: bytes) -> bytes:
        document = sse.document(event)
        if document is None:
            return event
        if document == b"[DONE]":
            return self._held_back() + event
        try:
            chunk = _chunks.decode(document)
        except UNREADABLE:
            return event
        said = [self._choice(choice, chunk.id).deltas(choice) for choice in chunk.choices or ()]
        if all(deltas is None for deltas in said):
            return event
        self._last = document
        called = any(each.called for each in self._choices.values())
        in_place = None if called else _thought_only(document, said)
        return in_place or self._written(_any.decode(document), said)

    def _choice(self, choice: _Choice, id_: str | None) -> "_ChoiceRepair":
        number = choice.index or 0
        found = self._choices.get(number)
        if found is None:
            repair = self._first.fresh() if self._choices else self._first
            found = self._choices[number] = _ChoiceRepair(repair, f"{id_}/{number}")
        return found

    def _written(self, chunk: _Json, said: list[list[_Json] | None]) -> bytes:
        """A chunk that says the same in other deltas; more chunks than one where their order asks for it."""
        choices = chunk.pop("choices")
        usage = {"usage": chunk.pop("usage")} if "usage" in chunk else {}
        out: list[_Json] = []
        for choice, deltas in zip(choices, said, strict=True):
            own: _Json = choice.pop("delta", None) or choice.pop("message", None) or {}
            if deltas is None:
                out.append({**choice, "delta": own})
                continue
            index, finish = choice.get("index") or 0, choice.get("finish_reason")
            if finish == "stop" and self._choices[index].called:
                finish = "tool_calls"
            out += [{"index": index, "delta": delta, "finish_reason": None} for delta in deltas[:-1]]
            rest = {name: value for name, value in own.items() if name not in _OURS}
            final = rest | (deltas[-1] if deltas else {})
            if final or finish is not None:
                out.append({**choice, "delta": final, "finish_reason": finish})
        # usage stands in the last chunk, or alone in one where nothing is said
        chunks = [chunk | {"choices": [choice]} for choice in out] or ([chunk | {"choices": []}] if usage else [])
        if chunks:
            chunks[-1] |= usage
        return b"".join(map(_event_of, chunks))

    def _held_back(self) -> bytes:
        held = [(number, delta) for number, each in self._choices.items() for delta in each.rest()]
        if not held:
            return b""
        like: _Json = _any.decode(self._last)
        like.pop("usage", None)
        return b"".join(
            _event_of(like | {"choices": [{"index": number, "delta": delta, "finish_reason": None}]})
            for number, delta in held
        )


def _thought_only(document: bytes, said: list[list[_Json] | None]) -> bytes | None:
    """A chunk of which only the name of a text and the text change, as in most of a thought: written in place."""
    if len(said) != 1 or said[0] is None or len(said[0]) != 1 or said[0][0].keys() != _THOUGHT:
        return None
    content = None if b"\n" in document else _CONTENT.search(document)
    if content is None or document.find(b'"content"', content.end()) >= 0 or document.find(b'"reasoning') >= 0:
        return None
    text = _encode(said[0][0]["reasoning_content"])
    start, end = document[: content.start()], document[content.end() :]
    return b"".join((b"data: ", start, b'"reasoning_content":', text, end, b"\n\n"))


_THOUGHT: Final = {"reasoning_content"}
_CONTENT: Final = re.compile(rb'"content"\s*:\s*"(?:[^"\\]++|\\.)*+"')
_REMARKABLE: Final = (b"<", b"\\u003", b'"tool_calls"')
"""A `<`, or what may be one, and calls that must be numbered behind those found."""


def _event_of(chunk: _Json) -> bytes:
    return b"data: " + _encode(chunk) + b"\n\n"


class _ChoiceRepair:
    """One choice: what its message, or its chunks, come to. Calls that the provider reports itself pass as they are."""

    __slots__ = ("_came", "_gone", "_next", "_places", "_repair", "called")

    def __init__(self, repair: Repair, id_: str | None) -> None:
        self._repair = repair
        repair.put_right([Began(id_ or "", "")])
        self._next = 0
        """The place of the next call."""
        self._places: dict[int, int] = {}
        """Of the calls the provider reports, by its own numbers."""
        self._came = 0
        self._gone = 0
        self.called = False
        """A call was found in the text."""

    @property
    def held(self) -> int:
        """About how many characters are held back."""
        return max(0, self._came - self._gone)

    def message(self, message: _Message, finish: str | None) -> _Json | None:
        """The fields of a whole message; None: they stay as they are."""
        content = message.content
        if finish != "length":
            self._repair.whole(content if isinstance(content, str) else "")
        came = _events(message)
        events = self._repair.put_right(came) + self._repair.rest(cut=finish == "length")
        if events == came and not isinstance(content, list):
            return None
        said = self._delta(events)
        calls = [*(message.tool_calls or ()), *said.get("tool_calls", ())]
        if calls:
            said["tool_calls"] = [{name: value for name, value in call.items() if name != "index"} for call in calls]
        return said

    def deltas(self, choice: _Choice) -> list[_Json] | None:
        """What a chunk says now, in order; None: it stays as it is."""
        part = choice.delta or choice.message or _NOTHING
        text = part.content
        if text.__class__ is str and not choice.finish_reason and part.tool_calls is None and self._repair.words(text):
            return None
        came = _events(part)
        if not choice.finish_reason and part.tool_calls is None and came and came[-1].__class__ is ThoughtOn:
            self._repair.elsewhere()
            return None if text.__class__ is not list else self._grouped(came)
        events = self._repair.put_right(came)
        if choice.finish_reason:
            events += self._repair.rest(cut=choice.finish_reason == "length")
        self._came += _length(came)
        moved = part.tool_calls is not None and self._moved(part.tool_calls)
        if events == came and not moved and part.content.__class__ is not list:
            self._gone += _length(came)
            return [*self._as_it_was(part)] if self.called and choice.finish_reason else None
        deltas = self._grouped(events)
        if part.tool_calls:
            deltas.append({"tool_calls": part.tool_calls})
        return deltas

    def rest(self) -> list[_Json]:
        """What was held back when the chunks had ended."""
        return self._grouped(self._repair.rest())

    def _as_it_was(self, part: _Message) -> list[_Json]:
        delta = self._delta(_events(part))
        if part.tool_calls:
            delta["tool_calls"] = part.tool_calls
        return [delta] if delta else []

    def _moved(self, calls: list[_Json]) -> bool:
        """Number the calls that the provider reports behind those found before; whether that changed a number."""
        moved = False
        for call in calls:
            theirs = call.get("index")
            if not isinstance(theirs, int):
                theirs = 0
            if theirs not in self._places:
                self._places[theirs] = self._next
                self._next += 1
            moved = moved or self._places[theirs] != theirs
            call["index"] = self._places[theirs]
        return moved

    def _grouped(self, events: list[Event]) -> list[_Json]:
        """One delta for as many events as keep their order in it: thought, words, calls."""
        self._gone += _length(events)
        groups: list[list[Event]] = []
        before = 0
        for event in events:
            place = _PLACES.get(event.__class__, 0)
            if not groups or place < before:
                groups.append([])
            before = place
            groups[-1].append(event)
        return [self._delta(group) for group in groups]

    def _delta(self, events: list[Event]) -> _Json:
        """The fields that say these events."""
        delta: _Json = {}
        calls: dict[int, _Json] = {}
        for event in events:
            match event:
                case ThoughtOn(text=text):
                    delta["reasoning_content"] = delta.get("reasoning_content", "") + text
                case Said(text=text):
                    delta["content"] = delta.get("content", "") + text
                case ToolBegan(index, id_, name):
                    function = {"name": name, "arguments": ""}
                    calls[index] = {"index": self._next, "id": id_, "type": "function", "function": function}
                    self._next += 1
                    self.called = True
                case ToolWent(index, arguments):
                    calls[index]["function"]["arguments"] += arguments
                case _:
                    pass
        return delta | {"tool_calls": list(calls.values())} if calls else delta


_NOTHING: Final = _Message()
_PLACES: Final[dict[type, int]] = {ThoughtOn: 0, Said: 1, ToolBegan: 2, ToolWent: 2}


def _events(message: _Message) -> list[Event]:
    """What it thinks and says, wherever that stands."""
    events: list[Event] = []
    thought = message.reasoning_content or message.reasoning
    if thought:
        events.append(ThoughtOn(thought))
    content = message.content
    if content.__class__ is not list:
        if content:
            events.append(Said(content))  # type: ignore[arg-type] # it is no list
        return events
    for part in content or ():
        thinking, text = part.get("thinking"), part.get("text")
        if isinstance(thinking, list):
            thinking = "".join(str(each.get("text", "")) for each in thinking if isinstance(each, dict))
        if isinstance(thinking, str) and thinking:
            events.append(ThoughtOn(thinking))
        elif isinstance(text, str) and text:
            events.append(Said(text))
    return events


def _length(events: list[Event]) -> int:
    return sum(len(event.text) for event in events if isinstance(event, Said | ThoughtOn))
