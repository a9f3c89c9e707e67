"""An answer that may be given again."""

import msgspec

from weighbridge.cache.similar import Vector
from weighbridge.wire.calls import Task
from weighbridge.wire.usage import Usage


class Kept(msgspec.Struct, frozen=True, gc=False):
    """Whole, successful, and put right: in chat form, or in the dialect of a provider that was asked in it."""

    receipt: str
    """Of the entry that paid for it."""
    key: str
    """The id of the key that asked."""
    at: float
    """When it was given, in seconds since 1970."""
    until: float
    """From when on it is not given again."""
    model: str
    endpoint: str
    """Who gave it: the endpoint's id."""
    provider: str
    task: Task
    """The format it is in."""
    streamed: bool
    """Whether it is a stream's events, or a document."""
    usage: Usage
    cost: str | None
    """US dollars in digits; None where the price is not known."""
    body: bytes


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where an answer is kept: found again by `id`, or, if its question is like another, in its `group`."""

    id: bytes
    group: bytes | None = None
    vector: Vector | None = None
    """The question's place among others."""
