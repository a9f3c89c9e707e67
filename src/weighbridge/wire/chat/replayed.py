"""A chat completion that is whole, as the stream it might have come in; and the reverse. Nothing that is said is lost.

Where the live stream had a chunk for every few letters, there is one for the thoughts, one for the words and one for
the tool calls: the letters' places are not kept.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from weighbridge.wire import reported, sse
from weighbridge.wire.chat.gathered import Gathered
from weighbridge.wire.chat.stream import DONE
from weighbridge.wire.decoding import UNREADABLE

_Json = dict[str, Any]  # Any: the fields of an answer, whatever JSON they hold

_documents: Final = msgspec.json.Decoder(_Json, float_hook=Decimal)  # a log probability comes out as it came in
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_IN_TURN: Final = ("content", "refusal", "tool_calls")
"""Said after all else that a message may have, in this order."""


class _Head(msgspec.Struct):
    id: str = ""
    created: int = 0


_heads: Final = msgspec.json.Decoder(_Head)


def chunks_of(document: bytes) -> bytes:
    """The events of a whole chat completion, its usage in the last chunk and then `[DONE]`.

    Raises ValueError where it is none.
    """
    try:
        answer: _Json = _documents.decode(document)
        choices: list[_Json] = answer.pop("choices")
        usage = answer.pop("usage", None)
        head = answer | {"object": "chat.completion.chunk"}
        chunks = [head | {"choices": [said]} for choice in choices for said in _said(choice)]
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"no chat completion: {exc}") from exc
    if usage is not None:
        chunks.append(head | {"choices": [], "usage": usage})
    return b"".join([b"data: %b\n\n" % _encode(chunk) for chunk in chunks]) + DONE


def document_of(stream: bytes) -> bytes:
    """The chat completion that a whole stream comes to. Raises ValueError where it is none."""
    gathered = Gathered()
    first: bytes | None = None
    for document in sse.documents(stream):
        if document == b"[DONE]":
            break
        if reported.fault_in(document) is not None or not gathered.add(document):
            raise ValueError("an event of the stream is no chunk")
        first = first or document
    if first is None:
        raise ValueError("the stream has no chunk")
    try:
        head = _heads.decode(first)
    except UNREADABLE:
        head = _Head()
    return gathered.document(head.id, head.created)


def _said(choice: _Json) -> Iterator[_Json]:
    """The choice in its turns: each a choice of a chunk."""
    message: _Json = choice.pop("message")
    index = choice.pop("index", 0)
    logprobs = choice.pop("logprobs", None)
    rest = {name: value for name, value in message.items() if name not in _IN_TURN}
    yield {"index": index, "delta": {"role": "assistant", **rest}, "finish_reason": None}
    for name in _IN_TURN:
        value = message.get(name)
        if value is None or value == []:
            continue
        if name == "tool_calls":
            value = [{"index": at, **call} for at, call in enumerate(value)]
        delta: _Json = {"index": index, "delta": {name: value}, "finish_reason": None}
        if logprobs is not None and name != "tool_calls":
            delta["logprobs"], logprobs = logprobs, None
        yield delta
    last: _Json = {"index": index, "delta": {}, **choice}
    yield last if logprobs is None else last | {"logprobs": logprobs}
