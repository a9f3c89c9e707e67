"""Chat answers, whole and chunk by chunk, read into the inner form.

Where makers differ in how they say a thing, all their ways are read: reasoning comes as `reasoning_content` (DeepSeek,
Qwen, GLM, Kimi, vLLM), as `reasoning` (OpenRouter, Groq, Cerebras, newer vLLM) or in `reasoning_details` (OpenRouter,
MiniMax).
"""

from collections.abc import Iterable
from secrets import token_hex
from typing import Final

import msgspec

from weighbridge.wire import reported
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.inner import (
    Answer,
    Began,
    Counted,
    Event,
    Finish,
    Finished,
    Likely,
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
from weighbridge.wire.usage import Usage


class Unreadable(ValueError):
    """A chunk, or an answer, in no shape of a chat completion."""


_ABSENT: Final = msgspec.Raw()
_NULL: Final = msgspec.Raw(b"null")


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, msgspec.Raw] | None = None


class _ToolCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Detail(msgspec.Struct, gc=False):
    """One of OpenRouter's `reasoning_details`."""

    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None


class _PartOfText(msgspec.Struct, gc=False):
    """Mistral's reasoning models and some others say their content in parts."""

    text: str | None = None
    refusal: str | None = None
    thinking: str | list["_PartOfText"] | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | list[_PartOfText] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[_Detail] | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Logprobs(msgspec.Struct, gc=False):
    content: list[Likely] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = _ABSENT
    stop_reason: msgspec.Raw = _ABSENT
    """vLLM: the text it stopped at, or the number of a token."""
    matched_stop: msgspec.Raw = _ABSENT
    """SGLang, the same."""
    usage: msgspec.Raw = _ABSENT
    """Moonshot."""


class _Chunk(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _ABSENT
    x_groq: msgspec.Raw = _ABSENT


_chunks: Final = msgspec.json.Decoder(_Chunk)
_texts: Final = msgspec.json.Decoder(str)
_likelies: Final = msgspec.json.Decoder(_Logprobs)

_FINISHES: Final[dict[str, Finish]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "filter",
    "eos": "stop",  # Together
    "end_turn": "stop",
    "max_tokens": "length",
    "insufficient_system_resource": "length",  # DeepSeek: cut off by a lack of machines
}


class _Use(msgspec.Struct):
    """A tool use under way; what is not told yet waits for its name."""

    index: int
    id: str | None
    told: bool = False
    waiting: str = ""


class ChunkReader:
    """Reads the chunks of one stream; the first choice counts, and more than one was never asked for."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        """The last that was reported."""
        self.finished = False
        """A finish reason has come."""
        self.said_bytes = 0
        """Bytes of text, reasoning and tool calls so far."""
        self._began: Began | None = None
        self._uses: list[_Use] = []
        self._places: dict[int, _Use] = {}
        """The tool uses by the upstream's numbers."""

    def read(self, document: bytes) -> list[Event]:
        """The events of one chunk. Raises Unreadable."""
        try:
            chunk = _chunks.decode(document)
        except UNREADABLE as exc:
            raise Unreadable(f"a chunk cannot be read: {exc}") from exc
        choices = chunk.choices
        if chunk.usage is not _ABSENT or chunk.x_groq is not _ABSENT or (choices and choices[0].usage is not _ABSENT):
            self._used(document, chunk)
        if not choices:
            return []
        if self._began is not None and len(choices) == 1 and (said := self._plainly_said(choices[0])) is not None:
            return [said]
        events: list[Event] = []
        if self._began is None:
            began = Began(chunk.id or "", chunk.model or "", int(chunk.created or 0), self.usage)
            self._began = began
            events.append(began)
        for choice in choices:
            if not choice.index:
                self._choice(choice, events)
        return events

    def _used(self, document: bytes, chunk: _Chunk) -> None:
        """Many say null beside every chunk but the last."""
        choices = chunk.choices
        if _told(chunk.usage) or _told(chunk.x_groq) or (choices and _told(choices[0].usage)):
            self.usage = reported.usage_in(document) or self.usage

    def _plainly_said(self, choice: _Choice) -> Said | None:
        """The text of a choice that says nothing else, as nearly all do."""
        delta = choice.delta
        if delta is None or delta.content.__class__ is not str or choice.finish_reason or choice.index:
            return None
        text = delta.content
        if not text or delta.reasoning_content or delta.reasoning or delta.tool_calls or delta.reasoning_details:
            return None
        if delta.refusal or delta.function_call is not None:
            return None
        self._count(text)
        return Said(text, None if choice.logprobs is _ABSENT else _likely(choice.logprobs))

    def _choice(self, choice: _Choice, events: list[Event]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            self._delta(delta, events)
        if choice.logprobs is not _ABSENT:
            said = next((event for event in reversed(events) if isinstance(event, Said)), None)
            if said is not None:
                said.logprobs = _likely(choice.logprobs)
        if choice.finish_reason:
            self.finished = True
            for use in self._uses:
                self._tell(use, "", events)
            events.append(self._finished(choice))

    def _finished(self, choice: _Choice) -> Finished:
        finish = _FINISHES.get(choice.finish_reason or "", "stop")
        if finish != "stop":
            return Finished(finish)
        if self._uses:  # not every server has a reason of its own for it
            return Finished("tool_use")
        matched = _text(choice.stop_reason) or _text(choice.matched_stop)
        return Finished("stop") if matched is None else Finished("stop_sequence", matched)

    def _delta(self, delta: _Delta, events: list[Event]) -> None:
        thought = delta.reasoning_content or delta.reasoning
        if delta.reasoning_details:
            self._details(delta.reasoning_details, thought, events)
        elif thought:
            self._count(thought)
            events.append(ThoughtOn(thought))
        content = delta.content
        if content.__class__ is str:
            if content:
                self._count(content)
                events.append(Said(content))
        elif content:
            self._parts(content, events)  # type: ignore[arg-type] # it is a list
        if delta.refusal:
            self._refuse(delta.refusal, events)
        for call in delta.tool_calls or ():
            self._tool(call, events)
        if delta.function_call is not None:
            self._tool(_ToolCall(index=0, function=delta.function_call), events)

    def _count(self, text: str) -> None:
        self.said_bytes += len(text) if text.isascii() else len(text.encode(errors="replace"))

    def _details(self, details: list[_Detail], thought: str | None, events: list[Event]) -> None:
        """OpenRouter says the text in `reasoning` too: it is taken from there only where no detail has it."""
        if thought and not any(detail.text or detail.summary for detail in details):
            self._count(thought)
            events.append(ThoughtOn(thought))
        for detail in details:
            text = detail.text or detail.summary or ""
            self._count(text)
            if text or detail.signature:
                events.append(ThoughtOn(text, detail.signature))
            if detail.data:
                events.append(ThoughtOn(sealed=detail.data))

    def _parts(self, parts: list[_PartOfText], events: list[Event]) -> None:
        for part in parts:
            thought = part.thinking
            if thought is not None:
                text = thought if isinstance(thought, str) else "".join(each.text or "" for each in thought)
                self._count(text)
                events.append(ThoughtOn(text))
            elif part.refusal:
                self._refuse(part.refusal, events)
            elif part.text:
                self._count(part.text)
                events.append(Said(part.text))

    def _refuse(self, text: str, events: list[Event]) -> None:
        self._count(text)
        events.append(Refused(text))

    def _tool(self, call: _ToolCall, events: list[Event]) -> None:
        function = call.function or _Function()
        place = call.index if call.index is not None else self._place_of(call)
        use = self._places.get(place)
        if use is None or (call.id and function.name and use.told and call.id != use.id):  # some number every call 0
            use = self._places[place] = _Use(len(self._uses), call.id)
            self._uses.append(use)
        use.id = use.id or call.id
        if function.name:
            self._tell(use, function.name, events)
        arguments = function.arguments
        if not arguments:
            return
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        self._count(text)
        if use.told:
            events.append(ToolWent(use.index, text))
        else:
            use.waiting += text

    def _tell(self, use: _Use, name: str, events: list[Event]) -> None:
        """Announce a tool use, once, with what came before its name."""
        if use.told:
            return
        use.told = True
        if not use.id:  # its result must find it, in this turn and in all that follow
            use.id = f"call_{self._answer_id()}_{use.index}"
        events.append(ToolBegan(use.index, use.id, name))
        if use.waiting:
            events.append(ToolWent(use.index, use.waiting))

    def _answer_id(self) -> str:
        return (self._began.id if self._began is not None else "") or token_hex(8)

    def _place_of(self, call: _ToolCall) -> int:
        """Gemini's chunks number no calls: one with a name or an id begins the next."""
        named = call.id is not None or (call.function is not None and call.function.name is not None)
        return len(self._uses) if named else max(0, len(self._uses) - 1)


def _told(value: msgspec.Raw) -> bool:
    return value is not _ABSENT and bytes(value) != b"null"


def _text(value: msgspec.Raw) -> str | None:
    return _texts.decode(value) or None if bytes(value)[:1] == b'"' else None


def _likely(logprobs: msgspec.Raw) -> list[Likely] | None:
    """The tokens of a text; None where there are none, or in a shape of the server's own."""
    if logprobs == _NULL:
        return None
    try:
        return _likelies.decode(logprobs).content
    except msgspec.DecodeError:
        return None


def read_answer(document: bytes) -> Answer:
    """A whole chat completion; its first choice counts. Raises Unreadable."""
    reader = ChunkReader()
    events = reader.read(document)
    if not reader.finished and len(events) < 2:
        raise Unreadable("the answer has no choices")
    return answer_of(events, reader.usage)


def answer_of(events: Iterable[Event], usage: Usage | None) -> Answer:
    """What the events of one answer come to."""
    answer = Answer(id="", model="", parts=[], finish="stop", usage=usage)
    uses: dict[int, ToolUse] = {}
    for event in events:
        match event:
            case Began(id_, model, created):
                answer.id, answer.model, answer.created = id_, model, created
            case Finished(finish, sequence):
                answer.finish, answer.stop_sequence = finish, sequence
            case ToolBegan(index, id_, name):
                uses[index] = ToolUse(id=id_, name=name, arguments="")
                answer.parts.append(uses[index])
            case ToolWent(index, arguments):
                uses[index].arguments += arguments
            case Said() | ThoughtOn() | Refused():
                _go_on(answer.parts, event)
            case Counted(counted):
                answer.usage = usage or counted
    return answer


def _go_on(parts: list[Part], event: Said | ThoughtOn | Refused) -> None:
    """More of the last part, or the next one. A signature ends its thought, and what is sealed stands alone."""
    last = parts[-1] if parts else None
    match event, last:
        case Said(text, logprobs), Text():
            last.text += text
            last.logprobs = logprobs if last.logprobs is None else last.logprobs + (logprobs or [])
        case Refused(text), Refusal():
            last.text += text
        case ThoughtOn(text, signature, None), Thought(signature=None, sealed=None):
            last.text += text
            last.signature = signature
        case Said(text, logprobs), _:
            parts.append(Text(text=text, logprobs=logprobs))
        case Refused(text), _:
            parts.append(Refusal(text=text))
        case ThoughtOn(text, signature, sealed), _:
            parts.append(Thought(text=text, signature=signature, sealed=sealed))
