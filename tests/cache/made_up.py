"""Answers to be kept."""

from hashlib import blake2b

import msgspec

from weighbridge.cache.kept import Kept, Place
from weighbridge.cache.similar import Vector
from weighbridge.wire.usage import Usage

NOW = 1_800_000_000.0


def place(name: str, group: str | None = None, vector: Vector | None = None) -> Place:
    """Where the answer to the request of this name is."""
    return Place(_hash(name), None if group is None else _hash(group), vector)


def kept(body: bytes = b"{}", *, at: float = NOW, ttl: float = 60, key: str = "key-1") -> Kept:
    """An answer given then."""
    known = Kept(
        receipt="wbr-1",
        key=key,
        at=at,
        until=at + ttl,
        model="lab/tiny",
        endpoint="near/tiny",
        provider="near",
        task="chat",
        streamed=False,
        usage=Usage(12, 5, cached=4),
        cost="0.000017",
        body=b"",
    )
    return msgspec.structs.replace(known, body=body)


def _hash(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=32).digest()
