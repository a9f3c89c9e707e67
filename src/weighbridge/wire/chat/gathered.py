"""The chunks of a chat stream put together into the chat completion that they tell, field by field.

A field nobody knows is kept as well: texts go on where they stopped, lists grow, of all else the last value counts.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from weighbridge.wire.decoding import UNREADABLE

_Json = dict[str, Any]  # Any: the fields of a message, whatever JSON they hold
_SAID_ONCE: Final = frozenset({"role", "id", "type", "name", "format"})
"""Texts that some providers say again with every chunk."""
_NOT_OF_THE_WHOLE: Final = frozenset({"id", "object", "choices", "obfuscation"})
_DEPTH: Final = 4
"""How deep chunks are parts of each other: tool_calls, function, arguments."""


class _Texts:
    """A text in its parts: adding to a long one would copy it each time."""

    __slots__ = ("parts",)

    def __init__(self, first: str) -> None:
        self.parts = [first]


class _Numbered:
    """A list whose entries say which they are."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[int, _Json] = {}


def _written(value: object) -> object:
    if isinstance(value, _Texts):
        return "".join(value.parts)
    if isinstance(value, _Numbered):
        return [value.entries[index] for index in sorted(value.entries)]
    raise NotImplementedError(f"a {type(value).__name__} came out of JSON")


_chunks: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
# digits stay as they are: a log probability comes out as it came in
_choices: Final = msgspec.json.Decoder(list[_Json], float_hook=Decimal)
_encoder: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_written)


class Gathered:
    """Give it every chunk; in the end it has the whole."""

    __slots__ = ("_choices", "_fields", "size")

    def __init__(self) -> None:
        self._fields: dict[str, msgspec.Raw] = {}
        self._choices: dict[int, _Json] = {}
        self.size = 0
        """Bytes of what the choices said."""

    def add(self, document: bytes) -> bool:
        """One more chunk; False where it is none, and nothing was added."""
        try:
            if not document.isascii():
                document.decode()
            chunk = _chunks.decode(document)
            said = chunk.get("choices", _NONE)
            choices = _choices.decode(said) if bytes(said) != b"null" else []
        except UNREADABLE:
            return False
        for name, value in chunk.items():
            if name not in _NOT_OF_THE_WHOLE and bytes(value) != b"null":
                self._fields[name] = msgspec.Raw(bytes(value))
        self.size += len(bytes(said))
        for choice in choices:
            self._add(choice)
        return True

    def document(self, id_: str, created: int) -> bytes:
        """The chat completion, by this id; `created` where no chunk said when."""
        choices = [_finished(self._choices[index]) for index in sorted(self._choices)]
        head: _Json = {"id": id_, "object": "chat.completion", "created": created}
        return _encoder.encode(head | self._fields | {"choices": choices})

    def _add(self, choice: _Json) -> None:
        index = choice.get("index")
        known = self._choices.setdefault(index if isinstance(index, int) else 0, {"message": {}})
        for name in ("delta", "message"):
            said = choice.pop(name, None)
            if isinstance(said, dict):
                _merge(known["message"], said, _DEPTH)
        _merge(known, {name: value for name, value in choice.items() if name in _LISTS}, _DEPTH)
        for name, value in choice.items():
            if name not in _LISTS and (value is not None or name not in known):
                known[name] = value


_NONE: Final = msgspec.Raw(b"[]")
_LISTS: Final = frozenset({"logprobs"})
"""What grows with the message, beside it."""


def _merge(whole: _Json, more: _Json, depth: int) -> None:
    """Add to `whole` what another chunk says; `depth` levels down, and no deeper."""
    for name, value in more.items():
        before = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif isinstance(value, str) and name not in _SAID_ONCE:
            whole[name] = _gone_on(before, value)
        elif isinstance(value, dict) and depth:
            known = before if isinstance(before, dict) else {}
            whole[name] = known
            _merge(known, value, depth - 1)
        elif isinstance(value, list) and depth:
            whole[name] = _grown(before, value, depth - 1)
        elif value != "" or before is None:
            whole[name] = value


def _gone_on(before: object, text: str) -> object:
    if isinstance(before, _Texts):
        before.parts.append(text)
        return before
    if isinstance(before, list):  # Mistral: thoughts in a list, then words as a text
        before.append({"type": "text", "text": text})
        return before
    return _Texts(text)


def _grown(before: object, more: list[Any], depth: int) -> object:
    numbered = bool(more) and all(isinstance(each, dict) and isinstance(each.get("index"), int) for each in more)
    if numbered and (before is None or isinstance(before, _Numbered)):
        whole = before if isinstance(before, _Numbered) else _Numbered()
        for entry in more:
            _merge(whole.entries.setdefault(entry["index"], {}), entry, depth)
        return whole
    if isinstance(before, _Numbered):  # and now some without a number
        entries = (each for each in more if isinstance(each, dict))
        before.entries.update(enumerate(entries, max(before.entries, default=-1) + 1))
        return before
    if isinstance(before, _Texts):
        return [{"type": "text", "text": "".join(before.parts)}, *more]
    if isinstance(before, list):
        before += more
        return before
    return more


def _finished(choice: _Json) -> _Json:
    message = {"role": "assistant", "content": None} | choice["message"]
    calls = message.get("tool_calls")
    if isinstance(calls, _Numbered):  # only chunks number them
        message["tool_calls"] = [_without_index(calls.entries[number]) for number in sorted(calls.entries)]
    return {"index": 0, "message": message} | {name: value for name, value in choice.items() if name != "message"}


def _without_index(entry: _Json) -> _Json:
    return {name: value for name, value in entry.items() if name != "index"}
