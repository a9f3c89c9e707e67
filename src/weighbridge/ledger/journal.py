"""What is under way in a worker, in a file that outlives it: `kill -9` takes the process, not the pages it wrote.

Before a request goes out, the entry that it would leave if nothing more were heard of it is noted; once its real
entry is written, the note is struck out. Whoever finds the file of a worker that is gone (its lock is free) writes the
entries that are still noted. To note and to strike take a microsecond or two: the file is mapped into memory, and is
not synced. So it holds against the death of a process; a loss of power takes what was under way.

The notes of requests that are alike (one key asks one endpoint) are a few numbers each, and the number of a pattern,
an entry that is noted once for all of them.
"""

import contextlib
import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from weighbridge.errors import LedgerUnavailable
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Charge, Draws, Entry
from weighbridge.wire.usage import Usage

SUFFIX: Final = ".journal"
_MAGIC: Final = b"wbj2"
_HEAD: Final = struct.Struct("<III")
"""Of a slot: its size with this head, the length of the note in it (0: none), the note's CRC-32."""
_ENTRY, _PATTERN, _NUMBERS = b"E", b"P", b"N"
"""What a note begins with, before an entry, a pattern's number and its entry, or figures."""
_NUMBER: Final = struct.Struct("<I")
_FIGURES: Final = struct.Struct("<c36sdIqqq")
"""N, the entry's id, its time, its pattern, tokens read, tokens answered, and what they cost in 1e-12 US dollars; if
either is known, there follow the client's user and the provider's id of the request."""
_UNKNOWN: Final = -1
"""A cost."""
_SMALLEST: Final = 128
_ROOM: Final = _SMALLEST - _HEAD.size
_GROWTH: Final = 256 * 1024
_MOST_PATTERNS: Final = 1024
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Entry).decode
_decode_more: Final = msgspec.msgpack.Decoder(tuple[str | None, str | None]).decode

Place = tuple[int, int]
"""Where a slot begins, and how large it is."""


class _Pattern:
    """What notes that are alike have in common."""

    __slots__ = ("alike", "kept", "number", "place", "used")

    def __init__(self, number: int, alike: Hashable, kept: object, place: Place) -> None:
        self.number = number
        self.alike = alike
        self.kept = kept
        """What `alike` names by its address, so that nothing else has that address."""
        self.place = place
        self.used = 0
        """Notes that are of it."""


class Journal:
    """One worker's, from `begin` on."""

    _file: int
    _map: mmap.mmap

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = False
        self._size = 0
        self._end = len(_MAGIC)
        """Where the next new slot begins."""
        self._notes: dict[str, tuple[int, int, _Pattern | None]] = {}
        """By the entry's id: where its slot is, how large, and its pattern."""
        self._small: list[int] = []
        self._free: dict[int, list[int]] = {_SMALLEST: self._small}
        """Where slots are free, by their size."""
        self._patterns: dict[Hashable, _Pattern] = {}
        self._made = 0

    def begin(self) -> None:
        """Make the file. Raises OSError."""
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.posix_fallocate(self._file, 0, _GROWTH)
        self._map = mmap.mmap(self._file, _GROWTH)
        self._map[: len(_MAGIC)] = _MAGIC
        self._size = _GROWTH
        self._open = True

    def __len__(self) -> int:
        return len(self._notes)

    def note(self, entry: Entry) -> None:
        """What is to be written if nothing more is heard of the request. A second note takes the place of the first.

        Raises LedgerUnavailable on a full disk, as `note_alike` and `name` do.
        """
        place = self._write(_ENTRY + _encode(entry))
        self.strike(entry.id)
        self._notes[entry.id] = *place, None

    def note_alike(
        self,
        alike: Hashable,
        kept: object,
        pattern: Callable[[], Entry],
        *,
        id_: str,
        at: datetime,
        tokens: tuple[int, int],
        cost: int | None,
        user: str | None,
    ) -> None:
        """The same of a request that has all but these figures in common with others that are noted as `alike`.

        `pattern` makes the entry of one of them, with its charge, and its draws if it has any; `kept` is whatever
        `alike` names by its address. Tokens are those read and answered; cost is in 1e-12 US dollars, None: not known.
        """
        known = self._patterns.get(alike)
        if known is None:
            known = self._begun(alike, kept, pattern())
        data = _FIGURES.pack(
            _NUMBERS, id_.encode(), at.timestamp(), known.number, *tokens, _UNKNOWN if cost is None else cost
        )
        if user is not None:
            data += _encode((user, None))
        length = len(data)
        if self._small and length <= _ROOM:
            place, size = self._small.pop(), _SMALLEST
            begin = place + _HEAD.size
            self._map[begin : begin + length] = data  # no note until its head says so
            _HEAD.pack_into(self._map, place, _SMALLEST, length, crc32(data))
        else:
            place, size = self._write(data)
        if id_ in self._notes:
            self.strike(id_)
        known.used += 1
        self._notes[id_] = place, size, known

    def name(self, id_: str, upstream_request: str) -> bool:
        """The provider calls the request so. Whether that is noted now; else the whole entry is to be."""
        known = self._notes.get(id_)
        if known is None or known[2] is None:
            return known is None
        at, size, pattern = known
        (length,) = _NUMBER.unpack_from(self._map, at + _NUMBER.size)
        note = self._map[at + _HEAD.size : at + _HEAD.size + length]
        user, _ = _more(note)
        place = self._write(note[: _FIGURES.size] + _encode((user, upstream_request)))
        self._strike(at, size)
        self._notes[id_] = *place, pattern
        return True

    def strike(self, id_: str) -> None:
        """The entry is written."""
        known = self._notes.pop(id_, None)
        if known is not None:
            at, size, pattern = known
            self._strike(at, size)
            if pattern is not None:
                pattern.used -= 1

    def close(self) -> None:
        """Nothing is under way any more: the file goes. With notes left in it, it stays, for whoever finds it."""
        if not self._open:
            return
        if not self._notes:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._open = False
        self._map.close()
        os.close(self._file)

    def _begun(self, alike: Hashable, kept: object, entry: Entry) -> _Pattern:
        if len(self._patterns) >= _MOST_PATTERNS:
            for pattern in [each for each in self._patterns.values() if not each.used]:
                self._strike(*pattern.place)
                del self._patterns[pattern.alike]
        self._made += 1
        entry = msgspec.structs.replace(entry, user=None)  # it outlives the request that it was made of
        place = self._write(_PATTERN + _NUMBER.pack(self._made) + _encode(entry))
        pattern = self._patterns[alike] = _Pattern(self._made, alike, kept, place)
        return pattern

    def _write(self, data: bytes) -> Place:
        at, size = place = self._slot(len(data) + _HEAD.size)
        begin = at + _HEAD.size
        self._map[begin : begin + len(data)] = data
        _HEAD.pack_into(self._map, at, size, len(data), crc32(data))
        return place

    def _strike(self, at: int, size: int) -> None:
        _HEAD.pack_into(self._map, at, size, 0, 0)
        self._free[size].append(at)

    def _slot(self, needed: int) -> Place:
        size = _SMALLEST
        while size < needed:
            size *= 2
        free = self._free.setdefault(size, [])
        if free:
            return free.pop(), size
        if self._end + size + _HEAD.size > self._size:
            self._grow(size)
        at, self._end = self._end, self._end + size
        return at, size

    def _grow(self, least: int) -> None:
        size = self._size + max(_GROWTH, least + _HEAD.size)
        try:
            # not `ftruncate`: a page that the disk has no room for would end the process when it is written to
            os.posix_fallocate(self._file, self._size, size - self._size)
        except OSError as exc:
            raise LedgerUnavailable(
                f"what is under way cannot be noted ({exc.strerror}): free space on the disk of {self.path.parent}",
                retry_after=1.0,
            ) from exc
        self._map.resize(size)
        self._size = size


class Found:
    """The journal of a worker that is gone. As long as this is open, nobody else has it."""

    def __init__(self, path: Path, file: int) -> None:
        self.worker = path.name.removesuffix(SUFFIX)
        self.unread = 0
        """Notes that cannot be read, once `entries` was asked: torn by a loss of power, or of another release."""
        self._path = path
        self._file = file

    def entries(self) -> list[Entry]:
        """What was under way, each once: whoever was killed between two notes of a request has left both."""
        with self._path.open("rb") as file:
            data = file.read()
        notes = list(_read(list(_notes(data))))
        self.unread = notes.count(None)
        return list({note.id: note for note in notes if note is not None}.values())

    def close(self, *, done: bool) -> None:
        """Let go of it; `done`: all of it is written, and the file goes, or is put aside where some can't be read."""
        if done and self.unread:
            self._path.rename(self._path.with_suffix(".unread"))
        elif done:
            self._path.unlink(missing_ok=True)
        os.close(self._file)


def abandoned(directory: Path) -> Iterator[Found]:
    """The journals in a directory whose workers are gone, one at a time; each is to be closed."""
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink == 0:  # another has just seen to it
                os.close(file)
                continue
        except BlockingIOError:
            os.close(file)
            continue
        yield Found(path, file)


def _notes(data: bytes) -> Iterator[bytes | None]:
    """Each note; None is one that is torn, or a whole file of another release."""
    at = len(_MAGIC)
    if not data.startswith(_MAGIC):
        if data.strip(b"\0"):
            yield None
        return
    while at + _HEAD.size <= len(data):
        size, length, check = _HEAD.unpack_from(data, at)
        if size < _SMALLEST:
            return
        note = data[at + _HEAD.size : at + _HEAD.size + length]
        if length:
            yield note if len(note) == length and crc32(note) == check else None
        at += size


def _read(notes: Sequence[bytes | None]) -> Iterator[Entry | None]:
    """The entries of notes; None is one that cannot be read."""
    patterns: dict[int, Entry | None] = {}
    for note in notes:
        if note is not None and note.startswith(_PATTERN):
            (number,) = _NUMBER.unpack_from(note, 1)
            patterns[number] = _entry(note[1 + _NUMBER.size :])
    for note in notes:
        if note is None:
            yield None
        elif note.startswith(_NUMBERS):
            yield _of_pattern(note, patterns)
        elif not note.startswith(_PATTERN):
            yield _entry(note[1:])


def _entry(data: bytes) -> Entry | None:
    try:
        return _decode(data)
    except msgspec.MsgspecError:  # of another release
        return None


def _more(note: bytes) -> tuple[str | None, str | None]:
    """The user, and the provider's id of the request."""
    return _decode_more(note[_FIGURES.size :]) if len(note) > _FIGURES.size else (None, None)


def _of_pattern(note: bytes, patterns: Mapping[int, Entry | None]) -> Entry | None:
    _, id_, at, number, prompt, completion, cost = _FIGURES.unpack_from(note)
    pattern = patterns.get(number)
    if pattern is None or pattern.charge is None:
        return None
    user, named = _more(note)
    charge = Charge(
        Usage(prompt, completion),
        pattern.charge.counted_by,
        None if cost == _UNKNOWN else cost * SMALLEST,
        pattern.charge.price_id,
        pattern.charge.price_source,
        pattern.charge.price_since,
    )
    draws = None if pattern.draws is None else Draws(pattern.draws.claims, max(0, cost), prompt + completion)
    return msgspec.structs.replace(
        pattern,
        id=id_.decode(),
        at=datetime.fromtimestamp(at, UTC),
        upstream_request=named,
        user=user,
        charge=charge,
        draws=draws,
    )
