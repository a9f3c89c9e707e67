"""JSON documents in answers, and how far two of them agree."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from weighbridge.switch.graders import words
from weighbridge.switch.graders.asked import Json
from weighbridge.wire.decoding import UNREADABLE

NONE: Final = object()
"""There is no document."""
_FENCED: Final = re.compile(r"```[\w+-]*[ \t]*\n(.*?)```", re.DOTALL)
_decoder = msgspec.json.Decoder()


def decoded(text: str) -> Json:
    """The document that a text is; NONE if it is none."""
    try:
        return _decoder.decode(text)
    except UNREADABLE:
        return NONE


def read(text: str, *, whole: bool) -> Json:
    """The document of an answer; NONE if it has none.

    With `whole` the text is the document and nothing else, as a program reads it that asked for JSON. Without, one in
    a fenced block counts too, and an object or array with words around it.
    """
    document = decoded(text.strip())
    if whole or document is not NONE:
        return document
    for block in reversed(_FENCED.findall(text)):
        if (document := decoded(block.strip())) is not NONE:
            return document
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return decoded(text[min(starts) : end + 1]) if starts else NONE


def agreement(expected: Json, document: Json) -> float:
    """Share of fields that are in both with one value, of those in either; texts are compared as readers do."""
    ours, theirs = Counter(_leaves(expected, "")), Counter(_leaves(document, ""))
    return (ours & theirs).total() / (ours | theirs).total()


def canonical(document: Json) -> str:
    """The same for all documents that JSON calls equal: order of fields and 1 or 1.0 make no difference."""
    return msgspec.json.encode(_plain(document), order="sorted").decode()


def _plain(document: Json) -> Json:
    if isinstance(document, dict):
        return {name: _plain(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_plain(value) for value in document]
    if isinstance(document, float) and document.is_integer():
        return int(document)
    return document


def _leaves(document: Json, path: str) -> Iterator[tuple[str, str]]:
    """Every value with where it stands; items of an array stand where they are counted."""
    if isinstance(document, dict) and document:
        for name, value in document.items():
            yield from _leaves(value, f"{path}.{name}")
    elif isinstance(document, list) and document:
        for place, value in enumerate(document):
            yield from _leaves(value, f"{path}[{place}]")
    elif isinstance(document, str):
        yield path, f"text {words.normal(document) or document.strip()}"
    else:
        yield path, canonical(document)
