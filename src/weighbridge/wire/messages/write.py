"""Answers in Anthropic's Messages format: whole, and as the events of a stream.

What the format has no place for is said so: a refusal's words are a text, and the reason to stop is `refusal`; words
that a model wrote in the place of a tool's arguments and that are no JSON object are `{"INVALID_JSON": words}`, as
Anthropic advises, or in a stream stand as they came. `usage` has two fields of ours: `cost` in US dollars, and
`counted_by`, which is `estimate` where the tokens are not the provider's count (yet).
"""

from collections.abc import Collection
from secrets import token_hex
from typing import Any, Final, Literal

import msgspec

from weighbridge.wire.decoding import UNREADABLE
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

_Json = dict[str, Any]  # any JSON object
_encode: Final = msgspec.json.Encoder().encode
_objects: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_REASONS: Final[dict[Finish, str]] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_use": "tool_use",
    "filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
}


class Counted(msgspec.Struct):
    """Tokens, and whether they are an estimate, and their cost in US dollars as digits."""

    usage: Usage
    estimated: bool = False
    cost: str | None = None


class Style(msgspec.Struct):
    """What of a request decides how its answer is written."""

    model: str
    """Stands in for the name of the model where the provider says none."""
    stop: Collection[str] = ()
    """The texts that were asked to end the answer."""
    hide_thoughts: bool = False


def write_answer(answer: Answer, counted: Counted, style: Style) -> bytes:
    """The document of a message."""
    reason, sequence = _reason(answer.finish, answer.stop_sequence, style, answer.parts)
    return _encode(
        {
            **_message(answer.id, answer.model, style),
            "content": [
                _block(part) for part in answer.parts if not (style.hide_thoughts and isinstance(part, Thought))
            ],
            "stop_reason": reason,
            "stop_sequence": sequence,
            "usage": _usage(counted),
        }
    )


def _message(id_: str, model: str, style: Style) -> _Json:
    known = id_ if id_.startswith("msg_") else f"msg_{id_.removeprefix('chatcmpl-')}"
    return {
        "id": known if id_ else f"msg_{token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": model or style.model,
    }


def _block(part: Part) -> _Json:
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "text": text}
        case Thought(sealed=str(sealed)):
            return {"type": "redacted_thinking", "data": sealed}
        case Thought(text=text, signature=signature):
            return {"type": "thinking", "thinking": text, "signature": signature or ""}
        case ToolUse(id=id_, name=name, arguments=arguments):
            return {"type": "tool_use", "id": id_, "name": name, "input": tool_input(arguments)}
        case _:
            raise TypeError(f"no part of an answer: {part!r}")


def tool_input(arguments: str) -> msgspec.Raw | _Json:
    """The arguments of a tool's use as the object they must be."""
    if not arguments.strip():
        return {}
    return msgspec.Raw(arguments.encode()) if _is_object(arguments) else {"INVALID_JSON": arguments}


def _is_object(text: str) -> bool:
    try:
        _objects.decode(text)
    except UNREADABLE:
        return False
    return True


def _reason(finish: Finish, sequence: str | None, style: Style, parts: Collection[object]) -> tuple[str, str | None]:
    if finish == "stop_sequence" and sequence not in style.stop:  # a mark of the model's own
        finish, sequence = "stop", None
    if finish == "stop" and any(isinstance(part, Refusal | Refused) for part in parts):
        finish = "refusal"
    return _REASONS[finish], sequence


def _usage(counted: Counted) -> _Json:
    usage = counted.usage
    said: _Json = {"input_tokens": usage.prompt - (usage.cached or 0) - (usage.written or 0)}
    if usage.written is not None:
        said["cache_creation_input_tokens"] = usage.written
    if usage.cached is not None:
        said["cache_read_input_tokens"] = usage.cached
    said["output_tokens"] = usage.completion
    if usage.reasoning is not None:
        said["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if counted.cost is not None:
        said["cost"] = msgspec.Raw(counted.cost.encode())
    if counted.estimated:
        said["counted_by"] = "estimate"
    return said


Kind = Literal["text", "refusal", "thinking", "tool_use"]
"""What a block is for; a refusal's is a text."""


class MessageWriter:
    """Writes the events of one answer; see wire.translated.EventWriter.

    One block is open at a time, as the format wants it. Should a provider go on with several tools' arguments by turns,
    those of the first are passed on as they come and the others' when it is complete.
    """

    __slots__ = ("_arguments", "_began", "_delta", "_end", "_held", "_index", "_open", "_prompt", "_style", "_tool")

    def __init__(self, style: Style, prompt: Usage) -> None:
        """`prompt` is an estimate of the tokens asked with: it stands in the first event until they are counted."""
        self._style = style
        self._prompt = prompt
        self._began = False
        self._open: Kind | None = None
        self._index = -1
        """Of the last block that was begun."""
        self._tool = -1
        """The use whose arguments the open block takes."""
        self._delta = b""
        """What stands before the text in the open block's deltas."""
        self._arguments: list[str] = []
        self._held: list[Event] = []
        self._end: tuple[str, str | None] = ("end_turn", None)

    def write(self, event: Event) -> bytes:
        """See EventWriter.write."""
        kind = event.__class__
        if kind is Said and self._open == "text":
            return b"%b%b}}\n\n" % (self._delta, _encode(event.text))  # type: ignore[union-attr] # it is a Said
        if self._held or (self._open == "tool_use" and not self._at_hand(event)):
            return self._hold(event)
        return self._say(event)

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        """See EventWriter.last; where `usage` is not known, `estimated` has the last word."""
        if usage is None:
            return self.ended(Counted(self._prompt, estimated=True))
        return self.ended(Counted(usage, cost=cost))

    def ended(self, counted: Counted) -> bytes:
        """The events that end the answer."""
        said = [] if self._began else [self._begin(Began("", ""))]
        said.append(self._close())
        while self._held:
            said += (self._replay(), self._close())
        reason, sequence = self._end
        delta = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": _usage(counted),
        }
        said += (_event("message_delta", delta), _STOP)
        return b"".join(said)

    def _say(self, event: Event) -> bytes:
        match event:
            case Said(text=text) | Refused(text=text):
                if event.__class__ is Said:
                    return self._enter("text") + self._more(text)
                self._end = ("refusal", None)
                return self._enter("refusal") + self._more(text)
            case ThoughtOn():
                return self._think(event)
            case ToolWent(index=index, arguments=arguments):
                return self._more(arguments) if index == self._tool else b""
            case ToolBegan():
                return self._call(event)
            case Began():
                return self._begin(event)
            case Finished(finish=finish, stop_sequence=sequence):
                refused = [Refusal(text="")] if self._end[0] == "refusal" else []
                self._end = _reason(finish, sequence, self._style, refused)
                return self._close()
            case _:
                return b""

    def _begin(self, event: Began) -> bytes:
        self._began = True
        counted = Counted(self._prompt, estimated=True) if event.usage is None else Counted(event.usage)
        message = {
            **_message(event.id, event.model, self._style),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(counted),
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _think(self, event: ThoughtOn) -> bytes:
        if self._style.hide_thoughts:
            return _PING
        if event.sealed is not None:
            return self._enter("thinking", sealed=event.sealed) + self._close()
        said = self._enter("thinking")
        if event.text:
            said += self._more(event.text)
        if event.signature is not None:
            delta = {"type": "signature_delta", "signature": event.signature}
            said += _event("content_block_delta", {"type": "content_block_delta", "index": self._index, "delta": delta})
            said += self._close()
        return said

    def _call(self, event: ToolBegan) -> bytes:
        closed = self._close()
        self._tool = event.index
        self._arguments.clear()
        block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        return closed + self._start("tool_use", block)

    def _enter(self, kind: Kind, *, sealed: str | None = None) -> bytes:
        """Go on in a block of this kind, a new one if another is open."""
        if self._open == kind and sealed is None:
            return b""
        if sealed is not None:
            block: _Json = {"type": "redacted_thinking", "data": sealed}
        elif kind == "thinking":
            block = {"type": "thinking", "thinking": "", "signature": ""}
        else:
            block = {"type": "text", "text": ""}
        return self._close() + self._start(kind, block)

    def _start(self, kind: Kind, block: _Json) -> bytes:
        self._open = kind
        self._index += 1
        self._delta = _DELTAS[kind] % self._index
        return _event(
            "content_block_start", {"type": "content_block_start", "index": self._index, "content_block": block}
        )

    def _more(self, text: str) -> bytes:
        if self._open == "tool_use":
            self._arguments.append(text)
        return b"%b%b}}\n\n" % (self._delta, _encode(text))

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        self._tool = -1
        return _event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _at_hand(self, event: Event) -> bool:
        """Whether it can be said while a tool's block is open: more of it, or its end."""
        if isinstance(event, ToolWent):
            return event.index == self._tool
        return isinstance(event, Finished) or self._complete()

    def _complete(self) -> bool:
        """Whether the arguments of the open tool are all there."""
        return bool(self._arguments) and _is_object("".join(self._arguments))

    def _hold(self, event: Event) -> bytes:
        """Keep what is for another block until the open tool's is complete."""
        if isinstance(event, ToolWent) and event.index == self._tool:
            said = self._say(event)
            return said + self._replay() if self._complete() else said
        self._held.append(event)
        return b""

    def _replay(self) -> bytes:
        held, self._held = self._held, []
        return b"".join([self.write(event) for event in held])


def _event(name: str, document: _Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(document))


def _delta(kind: str, field: str) -> bytes:
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%%d,"delta":{"type":"%b","%b":' % (
        kind.encode(),
        field.encode(),
    )


_DELTAS: Final[dict[Kind, bytes]] = {
    "text": _delta("text_delta", "text"),
    "refusal": _delta("text_delta", "text"),
    "thinking": _delta("thinking_delta", "thinking"),
    "tool_use": _delta("input_json_delta", "partial_json"),
}
_STOP: Final = _event("message_stop", {"type": "message_stop"})
_PING: Final = _event("ping", {"type": "ping"})
