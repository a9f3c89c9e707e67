"""Texts on their way to the disk: handed over by the event loop, and written in groups by one thread.

Nobody's answer waits for it. When the file cannot be written (full, gone, locked, encrypted with a key that is not
here) texts wait in memory and are tried again every second; when too much waits, what comes on top is let go, counted
and told of, or, where texts are required, requests that would leave one are refused at the door. A group is one
transaction: a process that is killed loses the texts that were not yet written, and leaves none by half.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.db import microseconds
from weighbridge.errors import TextsUnavailable
from weighbridge.texts.gathering import gathered
from weighbridge.texts.sealing import Seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Row, Text

log = logging.getLogger(__name__)

LONGEST: Final = 32 * 2**20
"""Bytes of an answer that is kept."""
_MOST_WAITING: Final = 64 * 2**20
"""Bytes of texts that wait to be written, by what they were before they were compressed."""
_MOST_HELD: Final = 256 * 2**20
"""Bytes of answers under way."""
_TOGETHER: Final = 256
"""Texts in one transaction."""
_SWEEP_SECONDS: Final = 600.0
_RETRY_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 5.0
_PATIENCE: Final = 2.0
"""Seconds that a reader waits for what was answered just before."""


class Taken(msgspec.Struct, gc=False):
    """A request with its answer, as the loop has them. `text` lacks its answer where that is in `parts`."""

    text: Text
    days: int
    """How long it may be there, by its key."""
    parts: list[bytes] | None = None
    """The answer in pieces."""
    streamed: bool = False
    """Whether they are events."""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.text.request) + sum(map(len, self.parts or ()))


class Stats(msgspec.Struct, frozen=True):
    """What has become of texts since the process began."""

    kept: int
    lost: int
    """Let go: too much was waiting, or they could not be stored at all."""
    waiting: int
    """Bytes."""
    fault: str | None
    """Why none can be written just now."""


class Keeper:
    """Start it on the loop that uses it; `keep` from that loop only."""

    def __init__(
        self,
        path: Path,
        seals: Seals,
        *,
        retention_days: int,
        required: bool,
        now: Callable[[], datetime],
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        """`retention_days` is the longest that any text may be there, whatever its key says."""
        self._path = path
        self._seals = seals
        self._retention = retention_days
        self._required = required
        self._now = now
        self._most_waiting = most_waiting
        self._queue: queue.SimpleQueue[Taken | asyncio.Future[None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._store: TextStore | None = None
        self._place: tuple[int, int] | None = None
        self._rows: list[tuple[Row, int]] = []
        """Those that are made and not written, with the bytes each had before."""
        self._swept = float("-inf")
        self._put = self._done = self._let_go = self._lost = self._kept = 0
        self.held = 0
        """Bytes of answers under way, counted by those who hold them."""
        self.fault: str | None = None
        """Why nothing can be written just now; None when all is well."""

    def start(self) -> None:
        """Start the thread that writes."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="texts", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Write what is waiting, for some seconds at most, and stop."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, _LAST_SECONDS)

    def check(self) -> None:
        """Raise TextsUnavailable where texts are required and could not be kept now."""
        if not self._required:
            return
        fault = self.fault
        if fault is None and self._put - self._done > self._most_waiting:
            fault = "too much is waiting to be written"
        if fault is not None:
            raise TextsUnavailable(
                f"the key's texts are to be kept, and cannot be ({fault}); `texts.required` says that it is not "
                "answered without",
                retry_after=_RETRY_SECONDS,
            )

    @property
    def full(self) -> bool:
        """Whether no more of an answer under way can be held."""
        return self.held > _MOST_HELD

    def keep(self, taken: Taken) -> None:
        """Write it soon."""
        size = taken.size
        if not self._required and self._put - self._done + size > self._most_waiting:
            if not self._let_go:
                log.error(
                    "texts are let go, since too many wait to be written (%s)", self.fault or "they come too fast"
                )
            self._let_go += 1
            return
        self._put += size
        self._queue.put(taken)

    @property
    def stats(self) -> Stats:
        """What has become of texts so far."""
        return Stats(self._kept, self._let_go + self._lost, self._put - self._done, self.fault)

    async def find(self, receipt: str) -> Text | None:
        """The text of a receipt. Raises TextsUnavailable where it is there and cannot be read."""
        passed: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(passed)
        await asyncio.wait((passed,), timeout=_PATIENCE)
        return await asyncio.to_thread(self._find, receipt)

    def _find(self, receipt: str) -> Text | None:
        if not self._path.exists():
            return None
        try:
            with contextlib.closing(TextStore(self._path)) as store:
                row = store.find(receipt)
        except (sqlite3.Error, OSError) as exc:
            raise TextsUnavailable(f"the texts {str(self._path)!r} cannot be read: {exc}") from exc
        return None if row is None else self._seals.opened(row)

    # in the thread

    def _work(self) -> None:
        stopping = False
        while not stopping:
            group, passed, stopping = self._gathered()
            for taken in group:
                self._make(taken)
            if self._rows:
                self._write()
            if time.monotonic() - self._swept >= _SWEEP_SECONDS:
                self._sweep()
            for each in passed:
                self._tell(each)
        if self._rows:
            log.error("%d texts could not be written before the stop (%s)", len(self._rows), self.fault)
        self._shut()

    def _gathered(self) -> tuple[list[Taken], "list[asyncio.Future[None]]", bool]:
        """What waits, if anything comes in time; and whether that was the last."""
        group: list[Taken] = []
        passed: list[asyncio.Future[None]] = []
        seconds = _RETRY_SECONDS if self._rows else _SWEEP_SECONDS
        if self._swept < 0:  # the first time
            seconds = 0.0
        with contextlib.suppress(queue.Empty):
            one = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
            while one is not None:
                if isinstance(one, Taken):
                    group.append(one)
                else:
                    passed.append(one)
                if len(group) >= _TOGETHER:
                    return group, passed, False
                one = self._queue.get_nowait()
            return group, passed, True
        return group, passed, False

    def _make(self, taken: Taken) -> None:
        """Put the answer together, compress and seal it."""
        size = taken.size
        try:
            text = taken.text
            if taken.parts is not None:
                text = _answered(text, b"".join(taken.parts), streamed=taken.streamed)
            days = min(taken.days, self._retention)
            row = self._seals.closed(text, microseconds(text.at + timedelta(days=days)))
        except Exception:  # the thread must not die, and the answer was given all the same
            log.exception("the text of %s cannot be kept", taken.text.receipt)
            self._lost += 1
            self._done += size
            return
        self._rows.append((row, size))

    def _write(self) -> None:
        rows = [row for row, _ in self._rows]
        try:
            self._opened().keep(rows)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the thread must not die
            if not _is_the_files(exc):
                self._one_by_one()
                return
            self._shut()
            self._say(str(exc) or type(exc).__name__)
            return
        self._kept += len(rows)
        self._written()

    def _one_by_one(self) -> None:
        """One of them is at fault: the others are written."""
        waiting, self._rows = self._rows, []
        for row, size in waiting:
            try:
                self._opened().keep([row])
                self._kept += 1
            except Exception as exc:
                if _is_the_files(exc):
                    self._rows.append((row, size))
                    continue
                log.exception("the text of %s cannot be stored", row.receipt)
                self._lost += 1
            self._done += size
        if not self._rows:
            self._say(None)

    def _written(self) -> None:
        self._done += sum(size for _, size in self._rows)
        self._rows = []
        self._say(None)

    def _sweep(self) -> None:
        """Delete what may not be there any more. No file is made that nobody asked for."""
        self._swept = time.monotonic()
        if not self._path.exists():
            if not self._rows:  # whatever was amiss with it
                self._say(None)
            return
        now = self._now()
        try:
            store = self._opened()
            store.expire(now=microseconds(now), before=microseconds(now - timedelta(days=self._retention)))
            if self._seals.current is None and store.is_sealed():
                self._say(_KEY_LACKS)
        except (sqlite3.Error, OSError) as exc:
            self._shut()
            log.warning("old texts in %s cannot be deleted: %s", self._path, exc)

    def _opened(self) -> TextStore:
        """The file; another one where it was taken away and its place is empty."""
        if self._store is not None and _place(self._path) != self._place:
            self._shut()
        if self._store is None:
            self._store = TextStore(self._path)
            self._place = _place(self._path)
        return self._store

    def _shut(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _say(self, fault: str | None) -> None:
        if fault is not None and self.fault is None:
            log.error("texts cannot be kept in %s: %s", self._path, fault)
        elif fault is None and self.fault is not None:
            log.warning("texts can be kept again; %d were let go meanwhile", self._let_go)
        self.fault = fault

    def _tell(self, passed: "asyncio.Future[None]") -> None:
        def done() -> None:
            if not passed.done():
                passed.set_result(None)

        with contextlib.suppress(RuntimeError):  # the loop has gone
            self._loop.call_soon_threadsafe(done)


_KEY_LACKS: Final = "texts there are encrypted, and WEIGHBRIDGE_TEXTS_KEY is not set"


def _answered(text: Text, answer: bytes, *, streamed: bool) -> Text:
    if not streamed:
        return msgspec.structs.replace(text, answer=answer)
    document = gathered(answer, text.dialect)
    if document is None:
        return msgspec.structs.replace(text, answer=answer, events=True)
    return msgspec.structs.replace(text, answer=document)


def _place(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _is_the_files(exc: BaseException) -> bool:
    """Whether the file is at fault, and not what was to be written."""
    if isinstance(exc, sqlite3.OperationalError | OSError | MemoryError | TextsUnavailable):
        return True
    return type(exc) is sqlite3.DatabaseError  # malformed, or no database at all
