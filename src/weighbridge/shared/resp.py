"""RESP3, the protocol of Valkey and Redis (6 and newer): commands as bytes, answers as values.

https://valkey.io/topics/protocol/
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

_DEEPEST: Final = 8
_MOST_ITEMS: Final = 1_000_000
_MOST_BYTES: Final = 512 * 2**20
"""The longest value that a server takes, by its own default."""


class Garbled(Exception):
    """These bytes are no answer of such a server."""


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """The server will not do it. `said` begins with a word in capitals, such as OOM."""

    said: str


@dataclass(frozen=True, slots=True)
class Push:
    """What the server says without being asked: a message of a channel, or that one is listened to."""

    parts: tuple["Reply", ...]


Reply = bytes | int | float | bool | None | ErrorReply | Push | tuple["Reply", ...]
"""A map is its keys and values in turn."""


def command(*parts: bytes) -> bytes:
    """A command as it goes out."""
    return b"*%d\r\n%b" % (len(parts), b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))


def pairs(reply: Reply) -> Mapping[bytes, Reply]:
    """A map as one. Raises Garbled."""
    if not isinstance(reply, tuple) or len(reply) % 2:
        raise Garbled("a map was expected")
    keys = reply[::2]
    return {key: value for key, value in zip(keys, reply[1::2], strict=True) if isinstance(key, bytes)}


async def read(reader: asyncio.StreamReader, depth: int = 0) -> Reply:
    """The next answer, or push. Raises Garbled, and OSError or EOFError where the connection ends."""
    try:
        line = await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError as exc:
        raise Garbled("a line without end") from exc
    kind, rest = line[:1], line[1:-2]
    simple = _SIMPLE.get(kind)
    if simple is not None:
        try:
            return simple(rest)
        except ValueError as exc:
            raise Garbled(f"{line[:20]!r}") from exc
    whole = _WHOLE.get(kind)
    if whole is None or depth > _DEEPEST:
        raise Garbled(f"{line[:20]!r}")
    return await whole(reader, _length(rest), depth)


async def _bulk(reader: asyncio.StreamReader, length: int, depth: int) -> Reply:
    if length < 0:
        return None
    if length > _MOST_BYTES:
        raise Garbled("a value of more than 512 MiB")
    return (await reader.readexactly(length + 2))[:-2]


async def _bulk_error(reader: asyncio.StreamReader, length: int, depth: int) -> Reply:
    said = await _bulk(reader, length, depth)
    return _error(said if isinstance(said, bytes) else b"")


async def _verbatim(reader: asyncio.StreamReader, length: int, depth: int) -> Reply:
    said = await _bulk(reader, length, depth)
    return said[4:] if isinstance(said, bytes) else said  # its kind, `txt:`, comes first


async def _array(reader: asyncio.StreamReader, length: int, depth: int) -> Reply:
    if length < 0:
        return None
    if length > _MOST_ITEMS:
        raise Garbled("more than a million items")
    return tuple([await read(reader, depth + 1) for _ in range(length)])


async def _map(reader: asyncio.StreamReader, length: int, depth: int) -> Reply:
    return await _array(reader, 2 * length, depth)


async def _push(reader: asyncio.StreamReader, length: int, depth: int) -> Reply:
    parts = await _array(reader, length, depth)
    return Push(parts if isinstance(parts, tuple) else ())


async def _attribute(reader: asyncio.StreamReader, length: int, depth: int) -> Reply:
    await _map(reader, length, depth)
    return await read(reader, depth + 1)  # what it is an attribute of


def _length(digits: bytes) -> int:
    try:
        return int(digits)
    except ValueError as exc:
        raise Garbled(f"a length of {digits[:20]!r}") from exc


def _error(said: bytes) -> ErrorReply:
    return ErrorReply(said.decode(errors="replace"))


_SIMPLE: Final[Mapping[bytes, Callable[[bytes], Reply]]] = {
    b"+": bytes,
    b"-": _error,
    b":": int,
    b"(": int,
    b",": float,
    b"#": lambda rest: rest == b"t",
    b"_": lambda rest: None,
}
_WHOLE: Final[Mapping[bytes, Callable[[asyncio.StreamReader, int, int], Awaitable[Reply]]]] = {
    b"$": _bulk,
    b"!": _bulk_error,
    b"=": _verbatim,
    b"*": _array,
    b"~": _array,
    b"%": _map,
    b">": _push,
    b"|": _attribute,
}
