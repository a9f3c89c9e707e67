"""The events of a message put together into the message that they tell, whole or as far as they came.

A block nobody knows is kept as it began, with what its deltas say; an error in the middle is the field `error`.

https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from weighbridge.wire import sse
from weighbridge.wire.decoding import UNREADABLE

_Json = dict[str, Any]  # Any: the fields of a message, whatever JSON they hold

_events: Final = msgspec.json.Decoder(_Json, float_hook=Decimal)
_any: Final = msgspec.json.Decoder(object, float_hook=Decimal)
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_TEXTS: Final = {"text": "text", "thinking": "thinking", "partial_json": "input", "signature": "signature"}
"""What goes on where it stopped: the field of a delta, and that of the block."""


class _Block:
    """One block on its way."""

    def __init__(self, begun: _Json) -> None:
        self._block = begun
        self._texts: dict[str, list[str]] = {}

    def add(self, delta: _Json) -> None:
        """What one more event says of it."""
        for name, value in delta.items():
            place = _TEXTS.get(name)
            if place is not None and isinstance(value, str):
                self._texts.setdefault(place, []).append(value)
            elif name == "citation":
                known = self._block.get("citations")
                self._block["citations"] = [*(known if isinstance(known, list) else ()), value]
            elif name != "type":
                self._block[name] = value

    def whole(self) -> _Json:
        """The block. A tool's input that was cut off stays a text."""
        block = dict(self._block)
        for name, parts in self._texts.items():
            text = "".join(parts)
            if name == "input":
                block[name] = _json(text) if text else block.get(name, {})
            else:
                before = block.get(name)
                block[name] = (before if isinstance(before, str) else "") + text
        return block


def message_of(stream: bytes) -> bytes:
    """The message. Raises ValueError where the events are of none."""
    message: _Json = {}
    blocks: dict[int, _Block] = {}
    for document in sse.documents(stream):
        try:
            _add(message, blocks, _events.decode(document))
        except (*UNREADABLE, TypeError, AttributeError, KeyError) as exc:
            raise ValueError(f"an event is none of a message: {exc}") from exc
    if not message:
        raise ValueError("the stream has no message")
    if blocks:
        message["content"] = [blocks[index].whole() for index in sorted(blocks)]
    return _encode(message)


def _add(message: _Json, blocks: dict[int, _Block], event: _Json) -> None:
    kind = event.get("type")
    if kind == "message_start":
        message.update(event["message"])
    elif kind == "content_block_start":
        blocks[event["index"]] = _Block(dict(event["content_block"]))
    elif kind == "content_block_delta":
        blocks.setdefault(event["index"], _Block({})).add(event["delta"])
    elif kind == "message_delta":
        message.update(event.get("delta") or {})
        usage = event.get("usage")
        if usage:
            message["usage"] = {**(message.get("usage") or {}), **usage}
    elif kind == "error":
        message["error"] = event.get("error")


def _json(text: str) -> object:
    try:
        return _any.decode(text)
    except UNREADABLE:
        return text
