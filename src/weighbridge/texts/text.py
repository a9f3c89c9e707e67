"""What was asked and what was answered, as the client sent it and as the client got it."""

from datetime import datetime
from typing import Literal

import msgspec

Dialect = Literal["chat", "openrouter", "messages", "responses", "compact", "completions", "embeddings", "rerank"]
"""The format of a request, and of its answer."""


class Text(msgspec.Struct, frozen=True, gc=False):
    """One request with its answer."""

    receipt: str
    at: datetime
    """When the request came."""
    key: str
    """The id of the key that asked."""
    dialect: Dialect
    model: str | None
    """The model it went to; None where it went to none."""
    request: bytes
    """The body, byte for byte."""
    answer: bytes | None
    """A whole document, of a stream what its events come to; None where nothing was answered, or it is not kept."""
    user: str | None = None
    """Whom the client named as its own user."""
    headers: dict[str, str] = {}
    """Those of the request that change what it means, such as `anthropic-beta`, or say which application asks."""
    events: bool = False
    """Whether `answer` is the events themselves: they make no document."""
    lacks: Literal["too_long", "not_asked_for"] | None = None
    """Why there is no answer, where one was given."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A text as the file has it."""

    receipt: str
    at: int
    """Microseconds since 1970."""
    key: str
    user: str | None
    """In clear where the body is not sealed, else hashed with the key that seals it."""
    dialect: Dialect
    model: str | None
    until: int
    """From when on it may not be there any more; microseconds since 1970."""
    sealed_by: str | None
    """The id of the key without which it cannot be read; None: anybody can."""
    size: int
    """Bytes of the request and the answer."""
    body: bytes
    """The rest of it, compressed and, it may be, encrypted."""


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the texts: those to which all of it applies. What is None applies to each."""

    receipts: tuple[str, ...] | None = None
    key: str | None = None
    users: tuple[str, ...] | None = None
    """As rows have them: see Seals.names."""
    since: int | None = None
    """Microseconds since 1970."""
    before: int | None = None
    """The same, of those that are older."""
    not_sealed_by: str | None = None
    """Those that another key seals, or none."""
