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
_GROWTH: Final = 256 * 1024
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Entry).decode


class Journal:
    """One worker's. Opening raises OSError; so may `note`, on a full disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._size = 0
        self._end = len(_MAGIC)
        """Where the next new slot begins."""
        self._map: mmap.mmap | None = None
        self._grow()
        self._slots: dict[str, tuple[int, int]] = {}
        """By the entry's id: where its slot is, and how large."""
        self._free: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def note(self, entry: Entry) -> None:
        """What is to be written if nothing more is heard of the request. A second note takes the place of the first."""
        data = _encode(entry)
        known = self._slots.get(entry.id)
        if known is not None and known[1] < len(data) + _HEAD.size:
            self.strike(entry.id)
            known = None
        at, size = known or self._slot(len(data) + _HEAD.size)
        view = self._mapped()
        _HEAD.pack_into(view, at, size, 0, 0)  # a note that is half written is none
        begin = at + _HEAD.size
        view[begin : begin + len(data)] = data
        _HEAD.pack_into(view, at, size, len(data), zlib.crc32(data))
        self._slots[entry.id] = at, size

    def strike(self, id_: str) -> None:
        """The entry is written."""
        known = self._slots.pop(id_, None)
        if known is not None:
            at, size = known
            _HEAD.pack_into(self._mapped(), at, size, 0, 0)
            self._free.setdefault(size, []).append(at)

    def close(self) -> None:
        """Nothing is under way any more: the file goes. With notes left in it, it stays, for whoever finds it."""
        if self._map is None:
            return
        if not self._slots:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._map.close()
        self._map = None
        os.close(self._file)

    def _slot(self, needed: int) -> tuple[int, int]:
        size = _SMALLEST
        while size < needed:
            size *= 2
        free = self._free.get(size)
        if free:
            return free.pop(), size
        if self._end + size + _HEAD.size > self._size:
            self._grow(size)
        at, self._end = self._end, self._end + size
        return at, size

    def _grow(self, least: int = 0) -> None:
        size = self._size + max(_GROWTH, least + _HEAD.size)
        # not `ftruncate`: a page that the disk has no room for would end the process when it is written to
        os.posix_fallocate(self._file, self._size, size - self._size)
        if self._map is None:
            self._map = mmap.mmap(self._file, size)
            self._map[: len(_MAGIC)] = _MAGIC
        else:
            self._map.resize(size)
        self._size = size

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            raise ValueError("the journal is closed")
        return self._map


class Found:
    """The journal of a worker that is gone. As long as this is open, nobody else has it."""

    def __init__(self, path: Path, file: int) -> None:
        self.worker = path.name.removesuffix(SUFFIX)
        self._path = path
        self._file = file

    def entries(self) -> list[Entry]:
        """What was under way."""
        with self._path.open("rb") as file:
            data = file.read()
        return list(_notes(data))

    def close(self, *, done: bool) -> None:
        """Let go of it; `done`: all of it is written, and the file goes."""
        if done:
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


def _notes(data: bytes) -> Iterator[Entry]:
    at = len(_MAGIC)
    while data.startswith(_MAGIC) and at + _HEAD.size <= len(data):
        size, length, check = _HEAD.unpack_from(data, at)
        if size < _SMALLEST:
            return
        note = data[at + _HEAD.size : at + _HEAD.size + length]
        if 0 < length <= size - _HEAD.size and zlib.crc32(note) == check:
            with contextlib.suppress(msgspec.MsgspecError):  # of another release
                yield _decode(note)
        at += size
