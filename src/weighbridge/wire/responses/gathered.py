"""The events of a response put together into the response that they tell, whole or as far as they came.

A stream that ended well has it whole in its last event. Of one that was cut off there is the response as it began, the
items that were finished, and of those that were not what had been said.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from weighbridge.wire import sse
from weighbridge.wire.decoding import UNREADABLE

_Json = dict[str, Any]  # Any: the fields of a response, whatever JSON they hold

_events: Final = msgspec.json.Decoder(_Json, float_hook=Decimal)
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_PARTS: Final = {
    "response.output_text.delta": ("content", "output_text", "text"),
    "response.refusal.delta": ("content", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text", "text"),
}
"""Where a delta belongs: the item's list, the kind of its part, and the part's field."""
_FIELDS: Final = {
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
_LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


class _Item:
    """One item on its way."""

    def __init__(self, begun: _Json) -> None:
        self.item = begun
        self.done = False
        self._said: dict[tuple[str, ...], list[str]] = {}

    def add(self, kind: str, delta: str) -> None:
        """Some more of it."""
        place = _PARTS.get(kind) or ((_FIELDS[kind],) if kind in _FIELDS else None)
        if place is not None:
            self._said.setdefault(place, []).append(delta)

    def whole(self) -> _Json:
        """The item, as far as it came."""
        if self.done:
            return self.item
        item = dict(self.item)
        for place, parts in self._said.items():
            text = "".join(parts)
            if len(place) == 1:
                item[place[0]] = text
            else:
                in_list, kind, name = place
                item[in_list] = [*(item.get(in_list) or ()), {"type": kind, name: text}]
        return item


def response_of(stream: bytes) -> bytes:
    """The response. Raises ValueError where the events are of none."""
    response: _Json | None = None
    items: dict[int, _Item] = {}
    fault: object = None
    for document in sse.documents(stream):
        if document == b"[DONE]":
            break
        try:
            event = _events.decode(document)
            kind = event.get("type", "")
            if kind in _LAST:
                return _encode(event["response"])
            if kind in ("response.created", "response.in_progress"):
                response = event["response"]
            elif kind == "error" or "error" in event:
                fault = event.get("error") or {name: value for name, value in event.items() if name != "type"}
            else:
                _add(items, kind, event)
        except (*UNREADABLE, TypeError, AttributeError, KeyError) as exc:
            raise ValueError(f"an event is none of a response: {exc}") from exc
    if response is None and fault is None:
        raise ValueError("the stream has no response")
    whole = {**(response or {}), "output": [items[index].whole() for index in sorted(items)]}
    return _encode(whole if fault is None else {**whole, "error": fault})


def _add(items: dict[int, _Item], kind: str, event: _Json) -> None:
    index = event.get("output_index")
    if not isinstance(index, int):
        return
    if kind == "response.output_item.added":
        items[index] = _Item(event["item"])
    elif kind == "response.output_item.done":
        items[index] = _Item(event["item"])
        items[index].done = True
    elif isinstance(event.get("delta"), str) and index in items:
        items[index].add(kind, event["delta"])
