"""Inner answers written as chat completions: whole, and as the chunks of a stream.

Reasoning stands in two places, as most clients know one of them: its words in `reasoning_content`, and all of it in
`reasoning_details` as OpenRouter has it, with its maker's signatures and what only its maker can read. A client that
echoes the latter gives everything back.

What chat has no place for is said so: a refusal of the provider's is `content_filter`, a pause is `stop`; the text that
ended an answer stands in `stop_reason`, as with vLLM. Words before and after a tool call are one text.
"""

from collections.abc import Iterable
from secrets import token_hex
from typing import Any, Final

import msgspec

from weighbridge.wire.chat.stream import DONE
from weighbridge.wire.inner import (
    Answer,
    Began,
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

_Json = dict[str, Any]  # any JSON object
_encode: Final = msgspec.json.Encoder().encode

_REASONS: Final[dict[Finish, str]] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_use": "tool_calls",
    "filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
}


def write_answer(answer: Answer, created: int = 0) -> bytes:
    """The document of a chat completion; `created`, in seconds since 1970, stands where the answer has no time."""
    document: _Json = {
        **_head(answer.id, answer.model, answer.created or created, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": _message(answer.parts),
                "logprobs": _logprobs(_likelies(answer.parts)),
                **_reason(answer.finish, answer.stop_sequence),
            }
        ],
    }
    if answer.usage is not None:
        document["usage"] = _usage(answer.usage)
    return _encode(document)


def _head(id_: str, model: str, created: int, kind: str) -> _Json:
    return {"id": id_ or f"chatcmpl-{token_hex(12)}", "object": kind, "created": created, "model": model}


def _message(parts: Iterable[Part]) -> _Json:
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[str] = []
    details: list[_Json] = []
    uses: list[_Json] = []
    for part in parts:
        match part:
            case Text(text=text):
                texts.append(text)
            case Refusal(text=text):
                refusals.append(text)
            case Thought(text=text, signature=signature, sealed=sealed):
                thoughts.append(text)
                details += _details(len(details), text, signature, sealed)
            case ToolUse(id=id_, name=name, arguments=arguments):
                uses.append({"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}})
            case _:
                raise TypeError(f"no part of an answer: {part!r}")
    said: _Json = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    if any(thoughts):
        said["reasoning_content"] = "".join(thoughts)
    if details:
        said["reasoning_details"] = details
    if uses:
        said["tool_calls"] = uses
    return said


def _details(index: int, text: str, signature: str | None, sealed: str | None) -> list[_Json]:
    """A thought, or some more of one, as OpenRouter's `reasoning_details`."""
    if sealed is not None:
        return [{"type": "reasoning.encrypted", "data": sealed, "index": index}]
    detail: _Json = {"type": "reasoning.text", "text": text}
    if signature is not None:
        detail["signature"] = signature
    return [{**detail, "index": index}]


def _likelies(parts: Iterable[Part]) -> list[Likely] | None:
    named = [part.logprobs for part in parts if isinstance(part, Text) and part.logprobs is not None]
    return [likely for each in named for likely in each] if named else None


def _logprobs(likelies: list[Likely] | None) -> _Json | None:
    return None if likelies is None else {"content": likelies, "refusal": None}


def _reason(finish: Finish, sequence: str | None) -> _Json:
    reason: _Json = {"finish_reason": _REASONS[finish]}
    if finish == "stop_sequence" and sequence is not None:
        reason["stop_reason"] = sequence
    return reason


def _usage(usage: Usage) -> _Json:
    said: _Json = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    read = {"cached_tokens": usage.cached, "cache_write_tokens": usage.written}
    if known := {name: count for name, count in read.items() if count is not None}:
        said["prompt_tokens_details"] = known
    if usage.reasoning is not None:
        said["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return said


class ChunkWriter:
    """Writes the events of one answer as chunks; see wire.translated.EventWriter."""

    __slots__ = ("_created", "_head", "_said", "_thoughts")

    def __init__(self, created: int = 0) -> None:
        """`created`, in seconds since 1970, stands where the answer has no time."""
        self._created = created
        self._head: _Json = {}
        self._said = b""
        """What stands before the words in a chunk that says some more of the text."""
        self._thoughts = 0
        """How many are complete."""

    def write(self, event: Event) -> bytes:
        """See EventWriter.write."""
        if event.__class__ is Said and self._said and event.logprobs is None:
            return b"%b%b%b" % (self._said, _encode(event.text), _END)
        match event:
            case Began():
                return self._begin(event)
            case Said(text=text, logprobs=logprobs):
                return self._chunk({"content": text}, logprobs=_logprobs(logprobs))
            case ThoughtOn():
                return self._think(event)
            case ToolBegan() | ToolWent():
                return self._chunk({"tool_calls": [_call(event)]})
            case Refused(text=text):
                return self._chunk({"refusal": text})
            case Finished(finish=finish, stop_sequence=sequence):
                return self._chunk({}, **_reason(finish, sequence))
            case _:
                return b""

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        """See EventWriter.last."""
        return DONE if usage is None else self.counted(usage, cost) + DONE

    def counted(self, usage: Usage, cost: str | None) -> bytes:
        """The chunk with the tokens, and in US dollars what they cost."""
        counted = _usage(usage)
        if cost is not None:
            counted["cost"] = msgspec.Raw(cost.encode())
        return _event({**self._heading(), "choices": [], "usage": counted})

    def _begin(self, event: Began) -> bytes:
        self._head = _head(event.id, event.model, event.created or self._created, "chat.completion.chunk")
        self._said = b'data: %b,"choices":[{"index":0,"delta":{"content":' % _encode(self._head)[:-1]
        return self._chunk({"role": "assistant", "content": ""})

    def _heading(self) -> _Json:
        if not self._head:
            self._head = _head("", "", self._created, "chat.completion.chunk")
        return self._head

    def _think(self, event: ThoughtOn) -> bytes:
        details = _details(self._thoughts, event.text, event.signature, event.sealed)
        delta: _Json = {"reasoning_details": details}
        if event.text:
            delta = {"reasoning_content": event.text, **delta}
        if event.signature is not None or event.sealed is not None:
            self._thoughts += 1
        return self._chunk(delta)

    def _chunk(self, delta: _Json, **of_choice: object) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **of_choice}
        return _event({**self._heading(), "choices": [choice]})


def _call(event: ToolBegan | ToolWent) -> _Json:
    if isinstance(event, ToolWent):
        return {"index": event.index, "function": {"arguments": event.arguments}}
    function = {"name": event.name, "arguments": ""}
    return {"index": event.index, "id": event.id, "type": "function", "function": function}


_END: Final = b'},"logprobs":null,"finish_reason":null}]}\n\n'


def _event(document: _Json) -> bytes:
    return b"data: %b\n\n" % _encode(document)
