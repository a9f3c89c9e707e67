"""What makes two requests one and the same: all that can change the answer, whatever order and blanks it came in.

Nothing is chosen: every field counts, those that nobody here knows too. Left out is only whether, and how, the answer
is streamed. A request that could be read in two ways (a name twice in one object) is the same as its own bytes alone.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec

from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.surface import Asked

_Json = Any  # any JSON value

_values: Final = msgspec.json.Decoder(float_hook=Decimal)  # digits stay as they are: 0.10 is another text than 0.1
_encoder: Final = msgspec.json.Encoder(order="sorted", decimal_format="number")
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_DELIVERY: Final = frozenset({"stream", "stream_options"})
_NUMBER: Final = re.compile(r"\d+")
_BLANK: Final = {"weighbridge": "similar"}
_DEEP: Final = 200


def canonical(body: bytes, *, without: frozenset[str] = frozenset()) -> bytes:
    """A JSON document with its names sorted and no blanks, `without` some fields of its own; itself where it is none.

    Documents that say the same in another order come to the same, and no others.
    """
    value = _read(body)
    return body if value is None else _encoder.encode(_left(value, without))


def parts(asked: Asked) -> tuple[bytes, ...]:
    """All that a provider could be told of the request, in whichever way it is asked."""
    return tuple(canonical(part, without=_DELIVERY) for part in _told(asked))


def digest(domain: bytes, *fields: bytes) -> bytes:
    """32 bytes for these fields in this order; where one ends and the next begins counts."""
    found = blake2b(digest_size=32, person=domain)
    for field in fields:
        found.update(len(field).to_bytes(8))
        found.update(field)
    return found.digest()


class Likeness(msgspec.Struct, frozen=True):
    """A request without its last question."""

    question: str
    parts: tuple[bytes, ...]
    """As `parts`, with a gap where the question stands, and the numbers that stand in it."""


def likeness(asked: Asked) -> Likeness | None:
    """The last text of the user's, and all the rest; None where there is no such text, or no single place for it.

    Numbers are not left to likeness: `1 + 1` and `1 + 2` are nearly the same to every model of embeddings.
    """
    question = _question(asked.body) if asked.task == "chat" and asked.untold is None else None
    if not question:
        return None
    found = []
    for part in _told(asked):
        value = _read(part)
        gaps = 0

        def gap(text: str) -> _Json:
            nonlocal gaps
            if text != question:
                return text
            gaps += 1
            return _BLANK

        try:
            rest = None if value is None else _each_text(_left(value, _DELIVERY), gap, _DEEP)
        except RecursionError:
            return None
        if gaps != 1:
            return None
        found.append(_encoder.encode(rest))
    numbers = ",".join(_NUMBER.findall(question)).encode()
    return Likeness(question, (*found, numbers))


def _told(asked: Asked) -> list[bytes]:
    """Each way in which the request may be said to a provider."""
    said = [asked.body if asked.inner is None else msgspec.json.encode(asked.inner)]
    if asked.told is not None:
        said.append(asked.told())
    if asked.native is not None:
        said.append(asked.native.body)
    if asked.varied is not None:
        said.append(asked.varied.body)
    return said


def _read(body: bytes) -> _Json:
    """The value; None where it is none, or may be read in two ways."""
    try:
        value = _values.decode(body)
        again, tight = _encoder.encode(value), msgspec.json.format(body, indent=-1)
    except UNREADABLE:
        return None
    # as long as before: no member is gone, as nothing but an exponent can grow meanwhile
    if len(again) == len(tight) and again.find(b"E+") < 0 and again.find(b"E-") < 0:
        return value
    return value if _members(again) == _members(tight) else None


def _members(document: bytes) -> int:
    """How many names all its objects have together."""
    return _STRING.sub(b"", document).count(b":")


def _left(value: _Json, without: frozenset[str]) -> _Json:
    if not isinstance(value, dict) or without.isdisjoint(value):
        return value
    return {name: each for name, each in value.items() if name not in without}


def _each_text(value: _Json, change: Callable[[str], _Json], depth: int) -> _Json:
    if isinstance(value, str):
        return change(value)
    if depth == 0:
        raise RecursionError
    if isinstance(value, dict):
        return {name: _each_text(each, change, depth - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_each_text(each, change, depth - 1) for each in value]
    return value


class _Part(msgspec.Struct):
    type: str = ""
    text: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _Chat(msgspec.Struct):
    messages: list[_Message]


_chats: Final = msgspec.json.Decoder(_Chat)
_texts: Final = msgspec.json.Decoder(str)


def _question(body: bytes) -> str | None:
    try:
        users = [message for message in _chats.decode(body).messages if message.role == "user"]
        if not users:
            return None
        content = users[-1].content
        if not isinstance(content, list):
            return content
        texts = [part.text for part in content if part.type == "text"]
        return _texts.decode(texts[0]) if len(texts) == 1 else None
    except UNREADABLE:
        return None
