"""Answers that may be given again: found off the event loop, and written after they were given, from one thread.

Several workers share the file. Nothing here holds up a request for long or makes it fail: what cannot be read is not
there, and what cannot be written is let go.
"""

import asyncio
import contextlib
import functools
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.cache import similar, store
from weighbridge.cache.file import CacheFile
from weighbridge.cache.kept import Kept, Place
from weighbridge.cache.shared import SharedAnswers
from weighbridge.cache.similar import Vector

log = logging.getLogger(__name__)

_SWEEP_SECONDS: Final = 600.0
_MOST_WAITING: Final = 1_000
"""Answers and uses that wait to be written; what comes on top is let go."""
_LAST_SECONDS: Final = 5.0
_LARGEST: Final = 8
"""No answer takes more than one of so many parts of the room."""


class _Answered(msgspec.Struct, gc=False):
    place: Place
    make: Callable[[], Kept | None]
    made: Callable[[Kept | None], None]
    written: Callable[[], None]


class _Used(msgspec.Struct, gc=False):
    id: bytes
    at: float


class _Forgotten(msgspec.Struct, gc=False):
    key: str | None
    receipts: Collection[str] | None


_Work = _Answered | _Used | _Forgotten


class Cache:
    """Start it on the loop that uses it."""

    def __init__(
        self,
        path: Path,
        *,
        most_bytes: int,
        now: Callable[[], float] = time.time,
        beyond: SharedAnswers | None = None,
    ) -> None:
        """`now` is seconds since 1970; `beyond` has the answers that other machines keep too."""
        self._beyond = beyond
        self._most_bytes = most_bytes
        self.now = now
        self._path = path
        self._reading = CacheFile(path)
        self._writing = CacheFile(path)
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread that writes."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="cache", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Write what is waiting, for some seconds at most, and stop."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, _LAST_SECONDS)
        self._reading.close()

    async def find(self, id_: bytes, *, max_age: int | None) -> Kept | None:
        """The answer that is kept there, if it was given within so many seconds."""
        now, since = self._times(max_age)
        found = await asyncio.to_thread(
            self._reading.use, lambda connection: store.find(connection, id_, since=since, now=now)
        )
        if found is None and self._beyond is not None:
            return await self._beyond.find(id_, since=since, now=now)
        return found

    async def nearest(self, place: Place, *, like: float, max_age: int | None) -> tuple[bytes, Kept, float] | None:
        """The answer to the likeliest question of the place's group: its id, it, and how like the questions are."""
        now, since = self._times(max_age)
        return await asyncio.to_thread(self._nearest, place, like, since, now)

    def keep(
        self,
        place: Place,
        make: Callable[[], Kept | None],
        made: Callable[[Kept | None], None],
        written: Callable[[], None],
    ) -> None:
        """Write an answer that `make` puts together, in the thread; None is none that may be kept.

        `made` is told it, and `written` is called when it can be found, or never will be; both on the loop.
        """
        if self._queue.qsize() >= _MOST_WAITING:
            made(None)
            written()
            return
        self._queue.put(_Answered(place, make, made, written))

    def used(self, id_: bytes) -> None:
        """It was given again."""
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put(_Used(id_, self.now()))

    def forget(self, *, key: str | None = None, receipts: Collection[str] | None = None) -> None:
        """Have it forget all answers, those that a key has asked for, or that these entries paid for."""
        self._queue.put(_Forgotten(key, receipts))

    def _times(self, max_age: int | None) -> tuple[float, float]:
        now = self.now()
        return now, 0.0 if max_age is None else now - max_age

    def _nearest(self, place: Place, like: float, since: float, now: float) -> tuple[bytes, Kept, float] | None:
        group, sought = place.group, place.vector
        if group is None or sought is None:
            return None
        return self._reading.use(lambda connection: _likest(connection, group, sought, like=like, since=since, now=now))

    # in the thread

    def _work(self) -> None:
        swept = -_SWEEP_SECONDS if self._path.exists() else time.monotonic()  # no file is made that nobody asked for
        stopping = False
        while not stopping:
            if time.monotonic() - swept >= _SWEEP_SECONDS and self._path.exists():
                swept = time.monotonic()
                self._writing.use(self._sweep)
            group, stopping = self._gathered()
            self._write(group)
        self._writing.close()

    def _sweep(self, connection: sqlite3.Connection) -> int:
        return store.sweep(connection, now=self.now(), most_bytes=self._most_bytes)

    def _gathered(self) -> tuple[list[_Work], bool]:
        """All that waits, at least one; and whether that was the last."""
        group: list[_Work] = []
        with contextlib.suppress(queue.Empty):
            one = self._queue.get(timeout=_SWEEP_SECONDS)
            while one is not None:
                group.append(one)
                one = self._queue.get_nowait()
            return group, True
        return group, False

    def _write(self, group: list[_Work]) -> None:
        made = [(one, kept) for one in group if isinstance(one, _Answered) and (kept := self._make(one)) is not None]
        answers = [(one.place, kept) for one, kept in made if len(kept.body) <= self._most_bytes // _LARGEST]
        uses = [(one.id, one.at) for one in group if isinstance(one, _Used)]
        if answers:
            self._writing.use(lambda connection: store.keep(connection, answers, most_bytes=self._most_bytes))
        if uses:
            self._writing.use(lambda connection: store.used(connection, uses))
        for one in group:
            if isinstance(one, _Answered):
                self._tell(one.written)
            elif isinstance(one, _Forgotten) and self._path.exists():
                self._writing.use(functools.partial(_forget, what=one))
        if self._beyond is not None:
            self._share(self._beyond, [(one.place, kept) for one, kept in made])

    def _share(self, beyond: SharedAnswers, answers: Sequence[tuple[Place, Kept]]) -> None:
        for place, kept in answers:
            try:
                packed = beyond.pack(place, kept)
            except Exception:  # the thread must not die
                log.exception("an answer cannot be shared")
                continue
            if packed is not None:
                self._tell(functools.partial(beyond.put, packed))

    def _make(self, one: _Answered) -> Kept | None:
        try:
            kept = one.make()
        except Exception:  # the thread must not die, and an answer was given all the same
            log.exception("an answer cannot be kept")
            kept = None
        self._tell(lambda: one.made(kept))
        return kept

    def _tell(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has gone
            self._loop.call_soon_threadsafe(what)


def _forget(connection: sqlite3.Connection, what: _Forgotten) -> None:
    if what.receipts is None:
        store.clear(connection, key=what.key, shrinks=False)
    else:
        store.forget(connection, what.receipts)


def _likest(
    connection: sqlite3.Connection, group: bytes, sought: Vector, *, like: float, since: float, now: float
) -> tuple[bytes, Kept, float] | None:
    near = similar.nearest(sought, store.alike(connection, group, since=since, now=now))
    best = similar.most_like(sought, store.numbers(connection, near))
    if best is None or best[1] < like:
        return None
    kept = store.find(connection, best[0], since=since, now=now)
    return None if kept is None else (best[0], kept, best[1])
