"""Chat answers, whole and chunk by chunk, read into the inner form.

Where makers differ in how they say a thing, all their ways are read: reasoning comes as `reasoning_content` (DeepSeek,
Qwen, GLM, Kimi, vLLM), as `reasoning` (OpenRouter, Groq, Cerebras, newer vLLM) or in `reasoning_details` (OpenRouter,
MiniMax).
"""

from typing import Final

import msgspec

from weighbridge.wire import openai
from weighbridge.wire.inner import (
    Answer,
    Began,
    Event,
    Finish,
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
from weighbridge.wire.usage import Usage


class Unreadable(ValueError):
    """A chunk, or an answer, in no shape of a chat completion."""


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | msgspec.Raw | None = None


class _ToolCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Detail(msgspec.Struct, gc=False):
    """One of OpenRouter's `reasoning_details`."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None


class _PartOfText(msgspec.Struct, gc=False):
    """Mistral's reasoning models and some others say their content in parts."""

    type: str = ""
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


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: str = ""
    model: str = ""
    created: int | float = 0
    choices: list[_Choice] | None = None
    usage: msgspec.Raw | None = None


_chunks: Final = msgspec.json.Decoder(_Chunk)

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


class ChunkReader:
    """Reads the chunks of one stream; the first choice counts, and more than one was never asked for."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        """The last that was reported."""
        self.finished = False
        """A finish reason has come."""
        self.said_bytes = 0
        """Bytes of text, reasoning and tool calls so far."""
        self._began = False
        self._tools: dict[int, int] = {}
        """Our index of a tool use by the upstream's."""
        self._ids: list[str] = []

    def read(self, document: bytes) -> list[Event]:
        """The events of one chunk. Raises Unreadable."""
        try:
            chunk = _chunks.decode(document)
        except openai.UNREADABLE as exc:
            raise Unreadable(f"a chunk cannot be read: {exc}") from exc
        events: list[Event] = []
        if not self._began:
            self._began = True
            events.append(Began(chunk.id, chunk.model, int(chunk.created)))
        if (chunk.usage is not None and chunk.usage != _NULL) or b'"usage"' in document:
            self.usage = openai.usage_in(document) or self.usage
        for choice in chunk.choices or ():
            if choice.index == 0:
                self._choice(choice, events)
        return events

    def _choice(self, choice: _Choice, events: list[Event]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            self._delta(delta, events)
        if choice.finish_reason:
            self.finished = True
            events.append(Finished(_finish(choice.finish_reason)))

    def _delta(self, delta: _Delta, events: list[Event]) -> None:
        thought = delta.reasoning_content or delta.reasoning
        if delta.reasoning_details:
            self._details(delta.reasoning_details, thought, events)
        elif thought:
            self.said_bytes += len(thought)
            events.append(ThoughtOn(thought))
        content = delta.content
        if content.__class__ is str:
            if content:
                self.said_bytes += len(content)
                events.append(Said(content))
        elif content:
            self._parts(content, events)  # type: ignore[arg-type] # it is a list
        if delta.refusal:
            self.said_bytes += len(delta.refusal)
            events.append(Refused(delta.refusal))
        for call in delta.tool_calls or ():
            self._tool(call, events)
        if delta.function_call is not None:
            self._tool(_ToolCall(index=0, function=delta.function_call), events)

    def _details(self, details: list[_Detail], thought: str | None, events: list[Event]) -> None:
        texts = [detail.text or detail.summary or "" for detail in details]
        text = "".join(texts) or thought or ""
        signature = next((detail.signature for detail in details if detail.signature), None)
        sealed = next((detail.data for detail in details if detail.data), None)
        self.said_bytes += len(text)
        if text or signature or sealed:
            events.append(ThoughtOn(text, signature, sealed))

    def _parts(self, parts: list[_PartOfText], events: list[Event]) -> None:
        for part in parts:
            thought = part.thinking
            if thought is not None:
                text = thought if isinstance(thought, str) else "".join(each.text or "" for each in thought)
                self.said_bytes += len(text)
                events.append(ThoughtOn(text))
            elif part.refusal:
                events.append(Refused(part.refusal))
            elif part.text:
                self.said_bytes += len(part.text)
                events.append(Said(part.text))

    def _tool(self, call: _ToolCall, events: list[Event]) -> None:
        function = call.function or _Function()
        theirs = call.index if call.index is not None else self._place_of(call)
        index = self._tools.get(theirs)
        fresh = index is not None and call.id and function.name and call.id != self._ids[index]
        if index is None or fresh:  # some number every call 0
            index = self._tools[theirs] = len(self._ids)
            self._ids.append(call.id or f"call_{index}")
            events.append(ToolBegan(index, self._ids[index], function.name or ""))
        arguments = function.arguments
        if arguments:
            text = arguments if isinstance(arguments, str) else bytes(arguments).decode()
            self.said_bytes += len(text)
            events.append(ToolWent(index, text))

    def _place_of(self, call: _ToolCall) -> int:
        """Gemini's chunks number no calls: one with a name or an id begins the next."""
        named = call.id is not None or (call.function is not None and call.function.name is not None)
        return len(self._ids) if named else max(0, len(self._ids) - 1)


_NULL: Final = msgspec.Raw(b"null")


def _finish(reason: str) -> Finish:
    return _FINISHES.get(reason, "stop")


def read_answer(document: bytes) -> Answer:
    """A whole chat completion; its first choice counts. Raises Unreadable."""
    reader = ChunkReader()
    events = reader.read(document)
    if not any(isinstance(event, Finished) for event in events) and len(events) < 2:
        raise Unreadable("the answer has no choices")
    began = next(event for event in events if isinstance(event, Began))  # the reader's first
    finish: Finish = next((event.finish for event in events if isinstance(event, Finished)), "stop")
    return Answer(
        id=began.id,
        model=began.model,
        created=began.created,
        parts=_parts_of(events),
        finish=finish,
        usage=reader.usage,
    )


def _parts_of(events: list[Event]) -> list[Part]:
    parts: list[Part] = []
    uses: dict[int, ToolUse] = {}
    for event in events:
        match event:
            case ThoughtOn(text, signature, sealed):
                parts.append(Thought(text=text, signature=signature, sealed=sealed))
            case Said(text):
                parts.append(Text(text=text))
            case Refused(text):
                parts.append(Refusal(text=text))
            case ToolBegan(index, id_, name):
                uses[index] = ToolUse(id=id_, name=name, arguments="")
                parts.append(uses[index])
            case ToolWent(index, arguments):
                uses[index].arguments += arguments
            case _:
                pass
    return parts
