"""The answer that a stream comes to, in each dialect."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from weighbridge.texts.text import Dialect
from weighbridge.wire import sse
from weighbridge.wire.chat.gathered import Gathered
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.messages.gathered import message_of
from weighbridge.wire.responses.gathered import response_of
from weighbridge.wire.tasks.gathered import completion_of


class _Head(msgspec.Struct):
    id: str = ""
    created: int = 0


_heads: Final = msgspec.json.Decoder(_Head)


def gathered(events: bytes, dialect: Dialect) -> bytes | None:
    """What the events come to, whole or as far as they came; None where they make no document.

    An answer that broke off has what had come of it; the error that its client was sent is its field `error`.
    """
    machine = _MACHINES.get(dialect)
    if machine is None:
        return None
    try:
        return machine(events)
    except ValueError:
        return None


def _chat(stream: bytes) -> bytes:
    whole = Gathered()
    first = b""
    for document in sse.documents(stream):
        if document == b"[DONE]":
            break
        if not whole.add(document):
            raise ValueError("an event of the stream is no chunk")
        first = first or document
    if not first:
        raise ValueError("the stream has no chunk")
    try:
        head = _heads.decode(first)
    except UNREADABLE:
        head = _Head()
    return whole.document(head.id, head.created)


_MACHINES: Final[Mapping[Dialect, Callable[[bytes], bytes]]] = {
    "chat": _chat,
    "openrouter": _chat,
    "messages": message_of,
    "responses": response_of,
    "compact": response_of,
    "completions": completion_of,
}
