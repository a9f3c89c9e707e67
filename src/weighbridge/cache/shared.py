"""Kept answers on a server that several machines share: asked where the own file has none, and written after it.

The same rules hold as for the file: an answer is found by all that was asked and by whom, and what cannot be read in
time is not there. Names there are hashes; with a key for texts they are keyed ones, and the answers are sealed, each
bound to its name. What was found there is not copied into the file: what is deleted there is gone.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.cache.kept import Kept, Place
from weighbridge.shared.resp import Reply
from weighbridge.shared.server import SharedServer, Unavailable

_MOST_WAITING: Final = 32 * 2**20
"""Bytes of answers that wait to be written; what comes on top is let go."""
_TOGETHER: Final = 16
_LARGEST: Final = 32 * 2**20
"""Bytes of an answer when it is unpacked: no more was ever kept."""
_LARGE: Final = 2**16
"""Packed bytes that are unpacked in a thread."""
_A_PART: Final = 1000
"""Entries in one message."""
_A_SCAN: Final = b"1000"
_encode: Final = msgspec.msgpack.Encoder().encode
_kept: Final = msgspec.msgpack.Decoder(Kept)
Ask = Callable[..., Awaitable[Reply]]
"""Asks the server: a command's parts, and its answer."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How answers are encrypted, and named so that nobody can tell what was asked."""

    name: Callable[[bytes], bytes]
    closed: Callable[[bytes, bytes], bytes]
    """What is sealed, and what it is bound to."""
    opened: Callable[[bytes, bytes], bytes]
    """Raises ValueError where it was changed."""


class Packed(msgspec.Struct, frozen=True, gc=False):
    """An answer as it is written there."""

    id: bytes
    receipt: bytes
    key: bytes
    until: float
    value: bytes


class SharedAnswers:
    """For one worker. `run` in the background writes."""

    def __init__(
        self,
        server: SharedServer,
        *,
        prefix: str,
        wait: float,
        most_bytes: int,
        sealing: Sealing | None,
        now: Callable[[], float],
    ) -> None:
        """`wait` is the longest that a request waits, in seconds; `most_bytes` is of one answer, packed."""
        self._server = server
        self._prefix = prefix
        self._wait = wait
        self._most_bytes = most_bytes
        self._sealing = sealing
        self._now = now
        self._waiting: deque[Packed] = deque()
        self._bytes = 0
        self._awake = asyncio.Event()
        self.hits = 0
        self.misses = 0
        """Asked in time, and not there."""
        self.lost = 0
        """Answers that were to be written, and could not be."""

    async def find(self, id_: bytes, *, since: float, now: float) -> Kept | None:
        """The answer, if it was given at `since` or later and may still be given."""
        name = self._named(id_)
        try:
            value = await self._server.ask(b"HGET", name, b"v", wait=self._wait)
        except Unavailable:
            return None
        kept = None
        if isinstance(value, bytes):
            unpack = self._unpacked
            kept = unpack(name, value) if len(value) < _LARGE else await asyncio.to_thread(unpack, name, value)
        if kept is None or not (kept.at >= since and kept.until > now):
            self.misses += 1
            return None
        self.hits += 1
        return kept

    def pack(self, place: Place, kept: Kept) -> Packed | None:
        """In any thread; None for one that is too large to be shared."""
        name = self._named(place.id)
        value = zlib.compress(name + _encode(kept), 1)
        if self._sealing is not None:
            value = self._sealing.closed(value, name)
        if len(value) > self._most_bytes:
            return None
        return Packed(name, kept.receipt.encode(), kept.key.encode(), kept.until, value)

    def put(self, packed: Packed) -> None:
        """Have it written, on the loop."""
        if self._bytes + len(packed.value) > _MOST_WAITING:
            self.lost += 1
            return
        self._waiting.append(packed)
        self._bytes += len(packed.value)
        self._awake.set()

    async def run(self) -> None:
        """Write what waits, until it is cancelled."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
                self._bytes -= sum(len(each.value) for each in group)
                await self._write(group)

    async def _write(self, group: Sequence[Packed]) -> None:
        now = self._now()
        commands: list[Sequence[bytes]] = []
        for each in group:
            left = int((each.until - now) * 1000)
            if left > 0:
                fields = (b"v", each.value, b"r", each.receipt, b"k", each.key)
                commands += [(b"HSET", each.id, *fields), (b"PEXPIRE", each.id, b"%d" % left)]
        if not commands:
            return
        try:
            await self._server.do(*commands)
        except Unavailable:
            self.lost += len(group)

    def _named(self, id_: bytes) -> bytes:
        return _named(self._prefix, id_ if self._sealing is None else self._sealing.name(id_))

    def _unpacked(self, name: bytes, value: bytes) -> Kept | None:
        """None where what stands there makes no sense: then it is as good as not there."""
        try:
            if self._sealing is not None:
                value = self._sealing.opened(value, name)
            inflating = zlib.decompressobj()
            text = inflating.decompress(value, _LARGEST)
            if not (inflating.eof and text.startswith(name)):  # nobody is given what stands under another name
                return None
            return _kept.decode(text[len(name) :])
        except (ValueError, zlib.error):  # msgspec's errors are ValueErrors
            return None


class Forget(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the workers of all machines are told to forget, in their own files: all, of a key, or of these entries."""

    key: str | None = None
    receipts: tuple[str, ...] | None = None


def forget_channel(prefix: str) -> bytes:
    """Where they are told."""
    return f"{prefix}:forget".encode()


async def tell_to_forget(
    ask: Ask, prefix: str, *, key: str | None = None, receipts: Collection[str] | None = None
) -> int:
    """Tell the workers of all machines; how many were told. Raises Unavailable."""
    parts = [Forget(key)]
    if receipts is not None:
        whole = sorted(receipts)
        parts = [Forget(key, tuple(whole[at : at + _A_PART])) for at in range(0, len(whole), _A_PART)]
    told = [await ask(b"PUBLISH", forget_channel(prefix), msgspec.json.encode(part)) for part in parts]
    return max((count for count in told if isinstance(count, int)), default=0)


async def forget(ask: Ask, prefix: str, *, key: str | None = None, receipts: Collection[str] | None = None) -> int:
    """Delete all answers there, those that a key has asked for, or that these entries paid for; how many.

    Raises Unavailable.
    """
    wanted = None if receipts is None else frozenset(receipt.encode() for receipt in receipts)
    gone, cursor = 0, b"0"
    while True:
        match await ask(b"SCAN", cursor, b"MATCH", _pattern(prefix), b"COUNT", _A_SCAN):
            case (bytes(cursor), tuple(found)):
                names = [name for name in found if isinstance(name, bytes)]
            case said:
                raise Unavailable(f"SCAN: {said!r}"[:200])
        chosen: list[bytes] = []
        for name in names:
            match await ask(b"HMGET", name, b"k", b"r"):
                case (bytes(asked), bytes(paid)) if (key is None or asked == key.encode()) and (
                    wanted is None or paid in wanted
                ):
                    chosen.append(name)
        if chosen:
            counted = await ask(b"UNLINK", *chosen)
            gone += counted if isinstance(counted, int) else 0
        if cursor == b"0":
            return gone


def _named(prefix: str, id_: bytes) -> bytes:
    return f"{prefix}:answer:1:{id_.hex()}".encode()


def _pattern(prefix: str) -> bytes:
    escaped = "".join(f"\\{letter}" if letter in "\\*?[]^" else letter for letter in prefix)
    return f"{escaped}:answer:*".encode()
