"""A text as others read it: one object of JSON, as the API shows it and `weighbridge texts export` writes it."""

from datetime import datetime
from typing import Final

import msgspec

from weighbridge.texts.text import Text
from weighbridge.wire.decoding import readable


class Usage(msgspec.Struct):
    """Tokens, as in the ledger; cached and written ones are part of the prompt, reasoning of the completion."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    written_tokens: int | None = None
    reasoning_tokens: int | None = None


class Line(msgspec.Struct, kw_only=True):
    """One request with its answer. What is not JSON stands there as a text; a field that is not known is null."""

    receipt: str
    at: datetime
    key: str
    dialect: str
    """`chat`, `openrouter`, `messages`, `responses`, `compact`, `completions`, `embeddings` or `rerank`."""
    model: str | None
    """The model it went to; the one that was asked for is in the request."""
    user: str | None
    headers: dict[str, str]
    """Those of the request that change what it means, and by which its application names itself."""
    request: msgspec.Raw
    answer: msgspec.Raw
    """Whole; of an answer that broke off what had come of it."""
    lacks: str | None
    """Why there is no answer where one was given: `too_long`, or `not_asked_for` (the vectors of embeddings)."""


class Settled(Line, kw_only=True):
    """The same with what the ledger has of it; null where it has none, or does not know."""

    ending: str | None = None
    usage: Usage | None = None
    cost: str | None = None
    """US dollars, in digits."""


_NULL: Final = msgspec.Raw(b"null")


def line(text: Text) -> Line:
    """A text as a line."""
    return Line(**_fields(text))  # type: ignore[arg-type] # by their names


def settled(text: Text, *, ending: str | None, usage: Usage | None, cost: str | None) -> Settled:
    """The same with what the ledger has of it."""
    return Settled(**_fields(text), ending=ending, usage=usage, cost=cost)  # type: ignore[arg-type] # as above


def _fields(text: Text) -> dict[str, object]:
    return {
        "receipt": text.receipt,
        "at": text.at,
        "key": text.key,
        "dialect": text.dialect,
        "model": text.model,
        "user": text.user,
        "headers": text.headers,
        "request": _json(text.request),
        "answer": _NULL if text.answer is None else _json(text.answer),
        "lacks": text.lacks,
    }


def _json(document: bytes) -> msgspec.Raw:
    """As it is where it is JSON; on one line, as a JSONL file wants it."""
    if not readable(document):
        return msgspec.Raw(msgspec.json.encode(document.decode(errors="replace")))
    return msgspec.Raw(msgspec.json.format(document, indent=-1) if b"\n" in document else document)
