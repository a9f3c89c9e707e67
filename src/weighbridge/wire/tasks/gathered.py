"""The events of a completion that is no chat put together into the document that they tell, as far as they came."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from weighbridge.wire import sse
from weighbridge.wire.decoding import UNREADABLE

_Json = dict[str, Any]  # Any: the fields of an answer, whatever JSON they hold

_chunks: Final = msgspec.json.Decoder(_Json, float_hook=Decimal)
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def completion_of(stream: bytes) -> bytes:
    """The completion. Raises ValueError where the events are of none."""
    whole: _Json = {}
    texts: dict[int, list[str]] = {}
    choices: dict[int, _Json] = {}
    for document in sse.documents(stream):
        if document == b"[DONE]":
            break
        try:
            chunk = _chunks.decode(document)
            for choice in chunk.pop("choices", None) or ():
                index, text = choice.get("index", 0), choice.pop("text", None)
                if not isinstance(index, int) or not isinstance(text, str | None):
                    raise TypeError("a choice has another shape")
                texts.setdefault(index, []).append(text or "")
                _merge(choices.setdefault(index, {"index": index}), choice)
        except (*UNREADABLE, TypeError, AttributeError) as exc:
            raise ValueError(f"an event is none of a completion: {exc}") from exc
        whole |= {name: value for name, value in chunk.items() if value is not None or name not in whole}
    if not whole and not choices:
        raise ValueError("the stream has no chunk")
    whole["choices"] = [choices[index] | {"text": "".join(texts[index])} for index in sorted(choices)]
    return _encode(whole)


def _merge(whole: _Json, more: _Json) -> None:
    """Log probabilities are lists that grow; of all else the last value counts."""
    for name, value in more.items():
        before = whole.get(name)
        if name == "logprobs" and isinstance(before, dict) and isinstance(value, dict):
            whole[name] = {field: _grown(before.get(field), value.get(field)) for field in {**before, **value}}
        elif value is not None or name not in whole:
            whole[name] = value


def _grown(before: object, more: object) -> object:
    return before + more if isinstance(before, list) and isinstance(more, list) else before if more is None else more
