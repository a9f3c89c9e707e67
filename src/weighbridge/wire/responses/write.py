"""Answers written as responses: item by item in a stream, or as the one object that such a stream ends with.

What an answer says that the format has no place for is lost: the proof (`signature`) that comes with some reasoning,
and reasoning that only its maker can read where the request does not include `reasoning.encrypted_content`.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from weighbridge.errors import WeighbridgeError
from weighbridge.wire.inner import (
    Began,
    Event,
    Finish,
    Finished,
    Likely,
    Refused,
    Said,
    ThoughtOn,
    ToolBegan,
    ToolWent,
)
from weighbridge.wire.responses.items import CustomInput
from weighbridge.wire.responses.objects import (
    CustomCall,
    Failure,
    FunctionCall,
    Incomplete,
    Item,
    Logprob,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    RefusalPart,
    Top,
    item_id,
    logprob,
    usage_object,
)
from weighbridge.wire.responses.tools import Named
from weighbridge.wire.usage import Usage

_encode: Final = msgspec.json.Encoder().encode
_custom_inputs: Final = msgspec.json.Decoder(CustomInput)
_Kind = Literal["text", "refusal", "thought"]
_NAMES: Final[dict[_Kind, bytes]] = {
    "text": b"response.output_text",
    "refusal": b"response.refusal",
    "thought": b"response.reasoning_text",
}
_AFTER: Final[dict[_Kind, bytes]] = {"text": b',"logprobs":[]}\n\n', "refusal": b"}\n\n", "thought": b"}\n\n"}
_INCOMPLETE: Final[dict[Finish, str]] = {"length": "max_output_tokens", "filter": "content_filter"}


class Making(msgspec.Struct):
    """What is known of a response before it is made."""

    id: str
    created: int
    """Seconds since 1970."""
    echo: bytes
    """What it says of its request, as a JSON object."""
    named: Mapping[str, Named]
    """Tools that the client calls otherwise than the model, by the model's names."""
    sealed: bool
    clock: Callable[[], int]
    """Seconds since 1970."""


class _Words:
    """A content part under way; what its deltas have in common is written once."""

    __slots__ = ("after", "before", "between", "kind", "logprobs", "pieces", "place")

    def __init__(self, kind: _Kind, place: bytes) -> None:
        name = _NAMES[kind]
        self.kind = kind
        self.place = place
        self.before = b'event: %b.delta\ndata: {"type":"%b.delta","sequence_number":' % (name, name)
        self.between = b',%b,"delta":' % place
        self.after = _AFTER[kind]
        self.pieces: list[str] = []
        self.logprobs: list[Logprob] = []

    def part(self, text: str) -> OutputText | RefusalPart | ReasoningText:
        if self.kind == "text":
            return OutputText(text, logprobs=self.logprobs)
        return RefusalPart(text) if self.kind == "refusal" else ReasoningText(text)


class _Use:
    """A tool call under way."""

    __slots__ = ("call_id", "custom", "id", "index", "name", "namespace", "pieces")

    def __init__(self, index: int, id_: str, call_id: str, named: Named) -> None:
        self.index = index
        self.id = id_
        self.call_id = call_id
        self.name = named.name
        self.namespace = msgspec.UNSET if named.namespace is None else named.namespace
        self.custom = named.custom
        self.pieces: list[str] = []

    def item(self, status: Literal["in_progress", "completed", "incomplete"]) -> FunctionCall | CustomCall:
        arguments = "".join(self.pieces)
        if self.custom:
            return CustomCall(self.id, self.call_id, self.name, _input(arguments), self.namespace)
        return FunctionCall(self.id, self.call_id, self.name, arguments, status, self.namespace)


class ResponseWriter:
    """See wire.translated.EventWriter. Tool calls stay open to the end: some servers take turns between several."""

    def __init__(self, making: Making) -> None:
        self._making = making
        self._sequence = 0
        self._began = False
        self._closed = False
        self._finish: Finish = "stop"
        self._output: list[Item | None] = []
        self._item: Message | Reasoning | None = None
        self._words: _Words | None = None
        self._uses: dict[int, _Use] = {}
        self.document = b""
        """The response, once it has ended."""

    @property
    def output(self) -> list[Item]:
        """The items that are whole."""
        return [item for item in self._output if item is not None]

    def write(self, event: Event) -> bytes:
        """See EventWriter.write."""
        kind = event.__class__
        if kind is Said:
            said: Said = event  # type: ignore[assignment] # it is; a match takes a third longer
            return self._say("text", said.text, said.logprobs)
        match event:
            case ThoughtOn():
                return self._think(event)
            case Refused(text):
                return self._say("refusal", text)
            case ToolBegan():
                return self._use(event)
            case ToolWent(index, arguments):
                return self._go_on(self._uses[index], arguments)
            case Began():
                return self._begin()
            case Finished(finish):
                self._finish = finish
                return self._close()
            case _:
                return b""

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        """See EventWriter.last."""
        reason = _INCOMPLETE.get(self._finish)
        before = self._begin() + self._close()
        status: Literal["completed", "incomplete"] = "completed" if reason is None else "incomplete"
        self.document = self._response(
            status,
            usage=usage_object(usage, cost),
            incomplete=None if reason is None else Incomplete(reason),
            completed=self._making.clock() if reason is None else None,
        )
        return before + self._lifecycle(b"response." + status.encode(), self.document)

    def failed(self, error: WeighbridgeError) -> bytes:
        """The events that end an answer which broke off: what SDKs raise, and the response as far as it came."""
        before = self._begin()
        said = _encode({"type": error.kind, "code": error.code, "message": error.message, "param": error.param})
        before += self._event(b"error", b'"error":%b' % said)
        code = "rate_limit_exceeded" if error.status == 429 else "server_error"
        self.document = self._response("failed", error=Failure(code, error.message))
        return before + self._lifecycle(b"response.failed", self.document)

    def cancelled(self) -> bytes:
        """The events that end an answer which was called off. No type of event is its own; the status says it."""
        self._finish = "length"  # what is under way stays incomplete
        before = self._begin() + self._close()
        self.document = self._response("cancelled")
        return before + self._lifecycle(b"response.incomplete", self.document)

    def _say(self, kind: _Kind, text: str, likely: list[Likely] | None = None) -> bytes:
        words = self._words
        before = b""
        if words is None or words.kind != kind:
            before, words = self._open_words(kind)
        words.pieces.append(text)
        sequence = self._sequence
        self._sequence = sequence + 1
        after = words.after
        if likely:
            logprobs = [logprob(each) for each in likely]
            words.logprobs += logprobs
            after = b',"logprobs":%b}\n\n' % _encode(logprobs)
        return b"%b%b%d%b%b%b" % (before, words.before, sequence, words.between, _encode(text), after)

    def _think(self, thought: ThoughtOn) -> bytes:
        said = self._say("thought", thought.text) if thought.text else b""
        if thought.signature:  # it ends the thought
            said += self._close_item("completed")
        if thought.sealed and self._making.sealed:
            said += self._close_item("completed")
            said += self._open_item(Reasoning(self._next_id("rs"), encrypted_content=thought.sealed))
            said += self._close_item("completed")
        return said

    def _use(self, began: ToolBegan) -> bytes:
        before = self._close_item("completed")
        named = self._making.named.get(began.name) or Named(began.name)
        use = _Use(len(self._output), self._next_id("ctc" if named.custom else "fc"), began.id, named)
        self._uses[began.index] = use
        self._output.append(None)
        return before + self._item_event(b"added", use.index, use.item("in_progress"))

    def _go_on(self, use: _Use, arguments: str) -> bytes:
        use.pieces.append(arguments)
        if use.custom:  # its text stands inside JSON that is not whole yet
            return b""
        return self._event(
            b"response.function_call_arguments.delta",
            b'"item_id":"%b","output_index":%d,"delta":%b' % (use.id.encode(), use.index, _encode(arguments)),
        )

    def _begin(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        response = self._response("in_progress")
        return self._lifecycle(b"response.created", response) + self._lifecycle(b"response.in_progress", response)

    def _open_item(self, item: Message | Reasoning) -> bytes:
        self._item = item
        self._output.append(None)
        return self._item_event(b"added", len(self._output) - 1, item)

    def _open_words(self, kind: _Kind) -> tuple[bytes, _Words]:
        before = self._close_words()
        item = self._item
        if not isinstance(item, Reasoning if kind == "thought" else Message):
            before += self._close_item("completed")
            thought = kind == "thought"
            item = Reasoning(self._next_id("rs")) if thought else Message(self._next_id("msg"), [], "in_progress")
            before += self._open_item(item)
        place = b'"item_id":"%b","output_index":%d,"content_index":%d' % (
            item.id.encode(),
            len(self._output) - 1,
            len(item.content),
        )
        words = self._words = _Words(kind, place)
        part = b'%b,"part":%b' % (place, _encode(words.part("")))
        return before + self._event(b"response.content_part.added", part), words

    def _next_id(self, prefix: str) -> str:
        return item_id(prefix, self._making.id, len(self._output))

    def _close_words(self) -> bytes:
        words, item = self._words, self._item
        if words is None or item is None:
            return b""
        self._words = None
        text = "".join(words.pieces)
        part = words.part(text)
        item.content.append(part)  # type: ignore[arg-type] # reasoning is opened for reasoning
        field = b"refusal" if words.kind == "refusal" else b"text"
        logprobs = b',"logprobs":%b' % _encode(words.logprobs) if words.kind == "text" else b""
        return self._event(
            _NAMES[words.kind] + b".done", b'%b,"%b":%b%b' % (words.place, field, _encode(text), logprobs)
        ) + self._event(b"response.content_part.done", b'%b,"part":%b' % (words.place, _encode(part)))

    def _close_item(self, status: Literal["completed", "incomplete"]) -> bytes:
        before = self._close_words()
        item = self._item
        if item is None:
            return before
        self._item = None
        if isinstance(item, Message):
            item.status = status
        index = len(self._output) - 1
        self._output[index] = item
        return before + self._item_event(b"done", index, item)

    def _close(self) -> bytes:
        if self._closed:
            return b""
        self._closed = True
        status: Literal["completed", "incomplete"] = "incomplete" if self._finish in _INCOMPLETE else "completed"
        events = self._close_item(status)
        for use in self._uses.values():
            events += self._close_use(use, status)
        return events

    def _close_use(self, use: _Use, status: Literal["completed", "incomplete"]) -> bytes:
        item = use.item(status)
        self._output[use.index] = item
        place = b'"item_id":"%b","output_index":%d' % (use.id.encode(), use.index)
        if isinstance(item, CustomCall):
            name, field, text = b"response.custom_tool_call_input", b"input", _encode(item.input)
            events = self._event(name + b".delta", b'%b,"delta":%b' % (place, text))
        else:
            name, field, text = b"response.function_call_arguments", b"arguments", _encode(item.arguments)
            events = b""
        events += self._event(name + b".done", b'%b,"%b":%b' % (place, field, text))
        return events + self._item_event(b"done", use.index, item)

    def _response(
        self,
        status: Literal["in_progress", "completed", "incomplete", "failed", "cancelled"],
        *,
        usage: msgspec.Raw | None = None,
        error: Failure | None = None,
        incomplete: Incomplete | None = None,
        completed: int | None = None,
    ) -> bytes:
        making = self._making
        top = Top(making.id, making.created, status, completed, error, incomplete, self.output, usage)
        return b"%b,%b" % (_encode(top)[:-1], making.echo[1:])

    def _lifecycle(self, name: bytes, response: bytes) -> bytes:
        return self._event(name, b'"response":%b' % response)

    def _item_event(self, what: bytes, index: int, item: Item) -> bytes:
        return self._event(b"response.output_item." + what, b'"output_index":%d,"item":%b' % (index, _encode(item)))

    def _event(self, name: bytes, fields: bytes) -> bytes:
        sequence = self._sequence
        self._sequence = sequence + 1
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (name, name, sequence, fields)


def _input(arguments: str) -> str:
    """The text within the arguments of a custom tool; the arguments themselves where the model wrote something else."""
    try:
        return _custom_inputs.decode(arguments).input
    except msgspec.DecodeError:
        return arguments
