"""Which model an answer says that it is of, where that is not the one that was asked.

Providers write a model's name in ways of their own: with a date, without its maker, under an alias. All these are taken
for the same; what is left is told, not judged: the entry says it, and the client has its answer.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from weighbridge.wire.decoding import UNREADABLE

_WITHIN: Final = 8192
"""Bytes in which the name stands, if it does: of a whole answer, or of the first events of a stream."""
_NAMED: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\\x00-\x1f]|\\.)*")')
_LONGEST: Final = 200
"""Letters of a name that are kept."""
_LATEST: Final = re.compile(r"[-:]latest$")
_BETWEEN: Final = re.compile(r"[^a-z0-9]+")
_DATED: Final = re.compile(r"-\d{3,8}(-\d\d){0,2}")
"""A date or the number of a version, behind a name."""


def answered_as(said: bytes, asked: str) -> str | None:
    """The model that the beginning of an answer, in whatever dialect, names, where it is another than `asked`.

    None: it is the same, or none is named.
    """
    if said.find(_usual(asked), 0, _WITHIN) >= 0:
        return None
    found = _NAMED.search(said, 0, _WITHIN)
    if found is None or found[1][1:-1] == asked.encode():
        return None
    try:
        named = msgspec.json.decode(found[1], type=str)
    except UNREADABLE:
        return None
    return None if _same(named, asked) else named[:_LONGEST]


@lru_cache(1024)
def _usual(asked: str) -> bytes:
    """How an answer of the model that was asked mostly says so."""
    return b'"model":' + msgspec.json.encode(asked)


def _same(named: str, asked: str) -> bool:
    """Whether both are names of one model, but for the maker before it and the date behind it."""
    short, long = sorted((_plain(named), _plain(asked)), key=len)
    return not named or short == long or (long.startswith(short) and _DATED.fullmatch(long, len(short)) is not None)


def _plain(name: str) -> str:
    """`deepseek-ai/DeepSeek-V3` is `deepseek-v3`, and so is `deepseek-v3:latest`."""
    return _BETWEEN.sub("-", _LATEST.sub("", name.rpartition("/")[2].lower()))
