"""What is under way in a worker, in a file that outlives it: `kill -9` takes the process, not the pages it wrote.

Before a request goes out, the entry that it would leave if nothing more were heard of it is noted; once its real
entry is written, the note is struck out. Whoever finds the file of a worker that is gone (its lock is free) writes the
entries that are still noted. To note and to strike take a microsecond or two: the file is mapped into memory, and is
not synced. So it holds against the death of a process; a loss of power takes what was under way.
"""

import contextlib
import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.ledger.entry import Entry

SUFFIX: Final = ".journal"
_MAGIC: Final = b"wbj1"
_HEAD: Final = struct.Struct("<III")
"""Of a slot: its size with this head, the length of the note in it (0: none), the note's CRC-32."""
_SMALLEST: Final = 1024
_USUAL: Final = _SMALLEST - _HEAD.size
"""Bytes of a note that fits into the smallest slot."""
_GROWTH: Final = 256 * 1024
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Entry).decode


class Journal:
    """One worker's. Opening raises OSError; so may `note`, on a full disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._end = len(_MAGIC)
        """Where the next new slot begins."""
        self._open = True
        os.posix_fallocate(self._file, 0, _GROWTH)
        self._map = mmap.mmap(self._file, _GROWTH)
        self._map[: len(_MAGIC)] = _MAGIC
        self._size = _GROWTH
        self._slots: dict[str, tuple[int, int]] = {}
        """By the entry's id: where its slot is, and how large."""
        self._usual: list[int] = []
        self._free: dict[int, list[int]] = {_SMALLEST: self._usual}
        """Where slots are free, by their size."""

    def __len__(self) -> int:
        return len(self._slots)

    def note(self, entry: Entry) -> None:
        """What is to be written if nothing more is heard of the request. A second note takes the place of the first."""
        data = _encode(entry)
        length = len(data)
        if entry.id in self._slots:
            self.strike(entry.id)
        free = self._usual if length <= _USUAL else None
        at, size = (free.pop(), _SMALLEST) if free else self._slot(length + _HEAD.size)
        view = self._map
        begin = at + _HEAD.size
        view[begin : begin + length] = data  # no note until its head says so
        _HEAD.pack_into(view, at, size, length, zlib.crc32(data))
        self._slots[entry.id] = at, size

    def strike(self, id_: str) -> None:
        """The entry is written."""
        known = self._slots.pop(id_, None)
        if known is not None:
            at, size = known
            _HEAD.pack_into(self._map, at, size, 0, 0)
            self._free[size].append(at)

    def close(self) -> None:
        """Nothing is under way any more: the file goes. With notes left in it, it stays, for whoever finds it."""
        if not self._open:
            return
        if not self._slots:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._open = False
        self._map.close()
        os.close(self._file)

    def _slot(self, needed: int) -> tuple[int, int]:
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
        # not `ftruncate`: a page that the disk has no room for would end the process when it is written to
        os.posix_fallocate(self._file, self._size, size - self._size)
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
        """What was under way."""
        with self._path.open("rb") as file:
            data = file.read()
        notes = list(_notes(data))
        self.unread = notes.count(None)
        return [note for note in notes if note is not None]

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


def _notes(data: bytes) -> Iterator[Entry | None]:
    """Each note; None is one that cannot be read."""
    at = len(_MAGIC)
    while data.startswith(_MAGIC) and at + _HEAD.size <= len(data):
        size, length, check = _HEAD.unpack_from(data, at)
        if size < _SMALLEST:
            return
        note = data[at + _HEAD.size : at + _HEAD.size + length]
        if length:
            yield _read(note) if len(note) == length and zlib.crc32(note) == check else None
        at += size


def _read(note: bytes) -> Entry | None:
    try:
        return _decode(note)
    except msgspec.MsgspecError:  # of another release
        return None
