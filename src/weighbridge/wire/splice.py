"""Other values for fields of a JSON object, in place: what is not that value stays as it is, byte for byte."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

Place = tuple[int, int]
"""Where a value starts and ends."""

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'  # possessive: a string of megabytes costs no stack
_FIELD: Final = re.compile(rb"\s*(" + _STRING + rb")\s*:\s*", re.DOTALL)
_COMMA: Final = re.compile(rb"\s*,")
_TOKEN: Final = re.compile(_STRING + rb"|[\[{\]}]", re.DOTALL)
_SCALAR: Final = re.compile(_STRING + rb"|[^\s,}\]]+", re.DOTALL)


def fields(document: bytes, start: int = 0) -> Iterator[tuple[str, Place]]:
    """The name of each field of the object that begins at `start`, and where its value stands.

    The document is known to be valid JSON.
    """
    at = document.index(b"{", start) + 1
    while field := _FIELD.match(document, at):
        end = _value_end(document, field.end())
        yield _name(field[1]), (field.end(), end)
        comma = _COMMA.match(document, end)
        if comma is None:
            return
        at = comma.end()


def _name(key: bytes) -> str:
    """A key as text; as it stands where it is none, since no field we look for is called so."""
    try:
        return msgspec.json.decode(key, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return key.decode(errors="replace")


def places(document: bytes, name: str, start: int = 0) -> list[Place]:
    """Where the values of the field `name` stand in the object that begins at `start`: several if it is repeated."""
    return [place for field, place in fields(document, start) if field == name]


def replaced(document: bytes, at: Iterable[Place], value: bytes) -> bytes:
    """The document with `value` in each of these places, which are in ascending order."""
    parts: list[bytes] = []
    done = 0
    for start, end in at:
        parts += (document[done:start], value)
        done = end
    return b"".join((*parts, document[done:]))


def inserted(document: bytes, name: str, value: bytes) -> bytes:
    """The document with one more field, which it does not have, at its start."""
    start = document.index(b"{") + 1
    comma = b"" if document[start:].lstrip().startswith(b"}") else b","
    return b"".join((document[:start], msgspec.json.encode(name), b":", value, comma, document[start:]))


def _value_end(document: bytes, at: int) -> int:
    if document[at : at + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(document, at)
        return at if scalar is None else scalar.end()
    depth = 0
    for token in _TOKEN.finditer(document, at):
        first = token[0][:1]
        depth += (first in (b"{", b"[")) - (first in (b"}", b"]"))
        if depth == 0:
            return token.end()
    return len(document)
