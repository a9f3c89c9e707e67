"""The single writer of a process: entries are committed in groups, and nobody's last byte leaves before.

The event loop hands the writer's thread whatever has gathered while the thread committed the group before:
at rest a group is one entry, under load it grows by itself.

When a group cannot be written (disk full, file gone) its entries stay in memory and are tried again every
second. Their waiting answers fail, and the gateway takes no new requests meanwhile, so what is in memory is
bounded by what was under way. A reserve file beside the database is given up first, so that on a full disk
these still have room; until it can be made again, nothing new is taken.
"""

import asyncio
import contextlib
import functools
import logging
import queue
import sqlite3
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.db import Durability, connect
from weighbridge.errors import LedgerUnavailable
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_CHECKPOINT_ROWS: Final = 2_000
_LAST_SECONDS: Final = 5.0
_NEWS: Final = {
    False: (logging.ERROR, "the ledger cannot be written: %s; no request is taken until it can"),
    True: (logging.WARNING, "the ledger can be written again%.0s"),
}
_Waiting = tuple[Entry, asyncio.Future[None]]


class Writer:
    """Open it on the loop that uses it; `record` from that loop only."""

    def __init__(self, path: Path, *, durability: Durability = "process", reserve_bytes: int = 0) -> None:
        self._path = path
        self._durability = durability
        self._reserve = Reserve(path.with_name(path.name + ".reserve"), reserve_bytes)
        self._groups: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self._gathered: list[_Waiting] = []
        self._writing: list[_Waiting] | None = None
        self._scheduled = False
        self._emptied = asyncio.Event()
        self.fault: str | None = None
        """Why the ledger cannot be written just now; None when all is well."""

    def open(self) -> None:
        """Start the thread. Raises LedgerUnavailable when the file cannot be opened."""
        self._loop = asyncio.get_running_loop()
        try:
            self._connection = connect(self._path, durability=self._durability)
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._reserve.take()
        except (sqlite3.Error, OSError) as exc:
            raise LedgerUnavailable(f"the ledger {str(self._path)!r} cannot be opened: {exc}") from exc
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise LedgerUnavailable while nothing can be written, before a request spends anything."""
        if self.fault is not None:
            raise _unavailable(self.fault)

    def record(self, entry: Entry) -> asyncio.Future[None]:
        """Write an entry; the future is done when it is committed.

        It fails with LedgerUnavailable when it cannot be written now; the entry is kept and tried again,
        then as one whose answer was not delivered.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        done.add_done_callback(_looked_at)
        self._gathered.append((entry, done))
        if not self._scheduled and self._writing is None:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)
        return done

    async def close(self) -> None:
        """Write what is left and stop. What cannot be written goes to standard error, not into the void."""
        self._emptied.clear()
        if self._gathered or self._writing is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._emptied.wait()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)
        for entry, _ in (*(self._writing or ()), *self._gathered):
            sys.stderr.write(f"unwritten ledger entry: {msgspec.json.encode(entry).decode()}\n")
        self._connection.close()

    # on the loop

    def _hand_over(self) -> None:
        self._scheduled = False
        if self._writing is None:
            self._writing, self._gathered = self._gathered, []
            self._groups.put([entry for entry, _ in self._writing])

    def _done(self, *, written: bool, fault: str | None) -> None:
        if fault != self.fault:
            log.log(*_NEWS[fault is None], fault)
        self.fault = fault
        group, self._writing = self._writing or [], None
        if written:
            for _, done in group:
                if not done.done():
                    done.set_result(None)
        else:
            self._gathered = [(_undelivered(entry, done, fault or ""), done) for entry, done in group] + self._gathered
        if fault is not None:
            self._scheduled = True
            self._loop.call_later(_RETRY_SECONDS, self._hand_over)
        elif self._gathered:
            self._hand_over()
        else:
            self._emptied.set()

    # in the thread

    def _work(self) -> None:
        rows = 0
        while (group := self._groups.get()) is not None:
            written, fault = self._write(group)
            with contextlib.suppress(RuntimeError):  # the loop has gone
                self._loop.call_soon_threadsafe(functools.partial(self._done, written=written, fault=fault))
            rows += len(group)
            if rows >= _CHECKPOINT_ROWS and self._groups.empty():
                rows = 0
                with contextlib.suppress(sqlite3.Error):  # a reader is in the way: the next one will do
                    self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _write(self, group: Sequence[Entry]) -> tuple[bool, str | None]:
        """Commit a group: whether it was, and what is amiss all the same."""
        try:
            store.add(self._connection, group)
        except sqlite3.Error as exc:
            return self._write(group) if self._reserve.give_up() else (False, str(exc))
        try:
            self._reserve.take()
        except OSError as exc:
            return True, f"no room for a reserve: {exc.strerror}"
        return True, None


def _undelivered(entry: Entry, done: "asyncio.Future[None]", fault: str) -> Entry:
    """The entry of an answer that now cannot leave, and its sender told so."""
    if done.done():
        return entry
    done.set_exception(_unavailable(fault))
    if entry.ending != "complete":
        return entry
    return replace(entry, ending="stopped", status=LedgerUnavailable.status, error=LedgerUnavailable.code)


def _unavailable(fault: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"the ledger cannot be written ({fault}): free space or mend the file; the gateway goes on by itself then",
        retry_after=_RETRY_SECONDS,
    )


def _looked_at(done: "asyncio.Future[None]") -> None:
    """Nobody waits for the entry of a client that left: its failure is logged once, by the writer."""
    if not done.cancelled():
        done.exception()


class Reserve:
    """Room on the disk held by a file, to be given up when the disk is full."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._held = size == 0

    def take(self) -> None:
        """Make the file if it is not there. Raises OSError when there is no room for it."""
        if self._held:
            return
        if not self._path.exists() or self._path.stat().st_size < self._size:
            try:
                self._path.write_bytes(bytes(self._size))
            except OSError:
                self._path.unlink(missing_ok=True)
                raise
        self._held = True

    def give_up(self) -> bool:
        """Delete the file; whether there was one, so that it is worth trying again."""
        held, self._held = self._held and self._size > 0, self._size == 0
        if held:
            self._path.unlink(missing_ok=True)
        return held
