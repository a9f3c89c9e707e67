"""Numbers that the workers of a gateway share: each writes on a board of its own, and anyone adds all of them up.

A board is a small file, mapped into memory: to count is to write eight bytes. Whoever writes on one holds a lock on
it, which the system lets go of when the process ends, however it ends. So a worker that is started again goes on
counting on the board of one that has died, where it left off: no count is lost, none goes down, and there are never
more boards than there were workers at one time. Gauges, which say how a worker is now, are of those that live.

A board has one record after the other: its length, how many figures it has, its key as JSON, the figures. All are whole
numbers of 64 bits, so that a figure is never half written.
"""

import fcntl
import logging
import mmap
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

log = logging.getLogger(__name__)

SIZE: Final = 2**20
"""Bytes of a board: about 700 combinations of operation, provider and model."""
_MAGIC: Final = b"wb-board"
_HEAD: Final = 3
"""Figures before the first record: the magic, what the figures mean, and where the records end."""
_MOST_BOARDS: Final = 1024
Key = tuple[str, ...]
"""A kind of record, and what tells it from others of the kind."""


class Totals(NamedTuple):
    """What stands on all boards."""

    figures: Mapping[Key, Sequence[int]]
    """By key, summed."""
    alive: int
    """Workers that live."""


class Board:
    """The one that this process writes on. `figures` are all of its numbers; `place` says where a key's begin."""

    def __init__(self, mapped: mmap.mmap, held: int | None, *, path: Path | None) -> None:
        """`held` is the descriptor whose lock says that somebody writes here; None: nobody else will look."""
        self._mapped = mapped
        self._held = held
        self.path = path
        self.figures = memoryview(mapped).cast("q")
        self._places: dict[Key, int] = {record.key: record.at for record in _records(mapped)}

    def place(self, key: Key, count: int) -> int | None:
        """Where the `count` figures of this key begin; None: there is no room for more."""
        known = self._places.get(key)
        if known is not None:
            return known
        name = msgspec.json.encode(key)
        name += b" " * (-len(name) % 8)
        begin = self.figures[2]
        length = 2 + len(name) // 8 + count
        if begin + length > len(self.figures):
            return None
        self.figures[begin], self.figures[begin + 1] = length, count
        self._mapped[8 * (begin + 2) : 8 * (begin + 2) + len(name)] = name
        at = begin + length - count
        self.figures[2] = begin + length  # from here on it is read
        self._places[key] = at
        return at

    def clear(self, kind: str) -> None:
        """Set all figures of a kind to nothing."""
        for record in _records(self._mapped):
            if record.key[0] == kind:
                for at in range(record.at, record.at + record.size):
                    self.figures[at] = 0

    def close(self) -> None:
        """Let go of the board: its figures stay, and another worker may go on with it. Idempotent."""
        if not self._mapped.closed:
            self.figures.release()
            self._mapped.close()
        held, self._held = self._held, None
        if held is not None:
            os.close(held)


class _Record(NamedTuple):
    key: Key
    at: int
    size: int


def take(folder: Path, meaning: int) -> Board:
    """A board of this folder on which nobody writes, or a new one; `meaning` changes with what the figures mean.

    Where there is no room for one in the folder, it is one that only this process can read, and a warning says so.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, _MOST_BOARDS + 1):
            board = _try(folder / f"worker-{number}.board", meaning)
            if board is not None:
                return board
        raise OSError("there are too many of them")
    except OSError as exc:
        log.warning("the metrics of this worker cannot be shared with the others' in %s: %s", folder, exc)
    mapped = mmap.mmap(-1, SIZE)
    _begin(mapped, meaning)
    return Board(mapped, None, path=None)


def _try(path: Path, meaning: int) -> Board | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    try:
        if not _is_ours(os.pread(descriptor, 16, 0), meaning) or os.fstat(descriptor).st_size != SIZE:
            os.ftruncate(descriptor, 0)
            # written, not only made longer: a page without room on the disk would end the process when it is touched
            os.pwrite(descriptor, bytes(SIZE), 0)
        if os.fstat(descriptor).st_size != SIZE:
            raise OSError("there is no room on the disk")
        mapped = mmap.mmap(descriptor, SIZE)
    except BaseException:
        os.close(descriptor)
        raise
    if not (_is_ours(mapped[:16], meaning) and _is_sound(mapped)):
        _begin(mapped, meaning)
    return Board(mapped, descriptor, path=path)


def _begin(mapped: mmap.mmap, meaning: int) -> None:
    mapped[:24] = _MAGIC + struct.pack("=qq", meaning, _HEAD)


def _is_ours(head: bytes, meaning: int) -> bool:
    return head == _MAGIC + struct.pack("=q", meaning)


def totals(folder: Path, meaning: int, own: Board, passing: frozenset[str]) -> Totals:
    """The sum of all boards in the folder and of `own`.

    Of the kinds in `passing` only those count whose workers live.
    """
    summed: dict[Key, list[int]] = {}
    _add(summed, own.figures[: own.figures[2]].tobytes(), frozenset())
    alive = 1
    for path in sorted(folder.glob("worker-*.board")) if folder.is_dir() else ():
        if path == own.path:
            continue
        found = _read(path)
        if found is None or not _is_ours(found[0][:16], meaning):
            continue
        content, lives = found
        alive += lives
        _add(summed, content, frozenset() if lives else passing)
    return Totals(summed, alive)


def _read(path: Path) -> tuple[bytes, bool] | None:
    """A board's bytes, and whether somebody writes on it; None: it has gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            lives = False
        except BlockingIOError:
            lives = True
        head = os.pread(descriptor, 8 * _HEAD, 0)
        end = struct.unpack_from("=q", head, 16)[0] if len(head) == 8 * _HEAD else 0
        return os.pread(descriptor, 8 * max(0, min(end, SIZE // 8)), 0), lives
    finally:
        os.close(descriptor)


def _add(summed: dict[Key, list[int]], content: bytes, without: frozenset[str]) -> None:
    figures = memoryview(content).cast("q")
    for record in _records(content):
        if not record.key or record.key[0] in without:
            continue
        own = figures[record.at : record.at + record.size].tolist()
        known = summed.get(record.key)
        summed[record.key] = own if known is None else [one + other for one, other in zip(known, own, strict=True)]


def _is_sound(mapped: mmap.mmap) -> bool:
    """Whether all records can be read, up to where they end."""
    (end,) = struct.unpack_from("=q", mapped, 16)
    last = _HEAD
    for record in _records(mapped):
        if not record.key:
            return False
        last = record.at + record.size
    return bool(last == end)


def _records(content: bytes | mmap.mmap) -> Iterator[_Record]:
    with memoryview(content) as view, view.cast("q") as figures:
        at, end = _HEAD, min(figures[2], len(figures)) if len(figures) >= _HEAD else 0
        while at < end:
            length, count = figures[at], figures[at + 1]
            if not 2 + count < length <= end - at:
                return  # no record of ours: whatever follows cannot be read
            name = view[8 * (at + 2) : 8 * (at + length - count)]
            yield _Record(_key(bytes(name)), at + length - count, count)
            at += length


def _key(name: bytes) -> Key:
    """What a record is of; nothing where that cannot be read."""
    try:
        return msgspec.json.decode(name, type=tuple[str, ...])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
