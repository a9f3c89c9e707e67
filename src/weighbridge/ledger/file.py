"""The ledger's open file: groups of entries go in, each whole or not at all, and what became of them comes out.

Whatever is amiss is an outcome and no exception, for the thread that waits here must not die: there are answers
behind each entry. Two kinds are told apart. The file's faults (full, locked, gone, broken) hold up everybody, and
the entries are kept. An entry's own fault (a number that no column holds) holds up nobody else.
"""

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from weighbridge.db.sqlite import Durability, connect
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.outcome import WRITTEN, Outcome, together, words
from weighbridge.ledger.reserve import Reserve

_CHECKPOINT_PAGES: Final = 4_000
"""Pages of 4 KiB in the write-ahead log, about, after which they are brought into the file proper.

In the thread that commits, though it holds the next group up for 10 to 30 ms: from a thread of its own the log is
never empty at the moment of a commit, so that under load it grew without end (measured; p99 of a commit was equal).
"""
_LOG_PAGES: Final = 16_384
"""Pages in the log from which on other processes are made to wait until it begins anew: 64 MiB."""
_LOG_WAIT_MS: Final = 200
_TURN_SECONDS: Final = 1.0
_TURN_POLL: Final = 0.0003
_SEEN_SECONDS: Final = 0.01
"""How long the file, once seen at its place, need not be looked for before a commit; after one it is, always."""
_NO_ROOM: Final = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN))


class LedgerFile:
    """For one thread at a time. Opening raises sqlite3.Error or OSError."""

    def __init__(self, path: Path, *, durability: Durability = "process", reserve_bytes: int = 0) -> None:
        self._path = path
        self._reserve = Reserve(path.with_name(path.name + ".reserve"), reserve_bytes)
        self._pages = 0
        self._seen = 0.0
        self._connection = connect(path, durability=durability)
        self._kinds = store.Kinds(self._connection)
        try:
            self._turns = os.open(path.with_name(path.name + ".turns"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            self._connection.close()
            raise
        try:
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._connection.execute(f"PRAGMA journal_size_limit = {_LOG_PAGES * 4096}")
            self._place = _place(path)
            self._reserve.take()
        except (sqlite3.Error, OSError):
            self.close()
            raise

    def close(self) -> None:
        """Close the file. What is in its log stays valid."""
        self._connection.close()
        os.close(self._turns)

    def commit(self, group: Sequence[Entry]) -> Outcome:
        """Write a group in one transaction; what could not be written is in the outcome."""
        try:
            self._add(group)
        except Exception as exc:  # noqa: BLE001 - whatever it is, answers wait for an outcome
            if not _is_the_files(exc):
                return self._one_by_one(group, exc)
            if _code(exc) & 0xFF in _NO_ROOM and self._reserve.give_up():
                return self.commit(group)
            return Outcome(kept=frozenset(entry.id for entry in group), fault=words(exc))
        self._pages += 2 + len(group) // 6
        return self._with_reserve()

    def tidy(self) -> None:
        """Bring the log into the file proper, if enough has gathered. To be called when a group's outcome was told."""
        if self._pages < _CHECKPOINT_PAGES:
            return
        self._pages = 0
        with contextlib.suppress(sqlite3.Error):  # no room, or others in the way: the next time will do
            _, pages, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages >= _LOG_PAGES:  # it has not begun anew for long: others write while we do this, or a reader stays
                self._begin_log_anew()

    def _add(self, group: Sequence[Entry]) -> None:
        if time.monotonic() - self._seen > _SEEN_SECONDS:
            self._look_for_file()
        with self._turn():
            store.add(self._connection, group, self._kinds)
        self._look_for_file()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Among workers of one file one writes at a time: SQLite has who waits for another sleep for ever longer times.

        Its own lock is what counts. So whoever is not let in for long, as another was stopped in the middle, goes on.
        """
        until = time.monotonic() + _TURN_SECONDS
        while not (mine := _locked(self._turns)) and time.monotonic() < until:
            time.sleep(_TURN_POLL)  # noqa: TID251 - in the thread that commits; a wait for the lock itself has no end
        try:
            yield
        finally:
            if mine:
                fcntl.flock(self._turns, fcntl.LOCK_UN)

    def _look_for_file(self) -> None:
        """SQLite writes on into a file that was deleted, where nobody will find it."""
        try:
            is_there = _place(self._path) == self._place
        except FileNotFoundError:
            is_there = False
        if not is_there:
            self._seen = 0.0
            raise OSError("the file was moved or deleted: put it back, or restart the gateway to begin another")
        self._seen = time.monotonic()

    def _one_by_one(self, group: Sequence[Entry], exc: Exception) -> Outcome:
        if len(group) > 1:
            return together(self.commit([entry]) for entry in group)
        entry = group[0]
        try:
            is_there = store.find(self._connection, entry.id) is not None
        except Exception as unread:  # noqa: BLE001 - as above
            return Outcome(kept=frozenset((entry.id,)), fault=words(unread))
        # it may be: a commit can be reported as failed, or its file be gone for a moment, and yet be done
        return Outcome() if is_there else Outcome(refused={entry.id: words(exc)})

    def _with_reserve(self) -> Outcome:
        try:
            self._reserve.take()
        except OSError as exc:
            return Outcome(fault=f"no room for a reserve: {exc.strerror}")
        return WRITTEN

    def _begin_log_anew(self) -> None:
        (patience,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
        self._connection.execute(f"PRAGMA busy_timeout = {_LOG_WAIT_MS}")
        try:
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)")
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {patience}")


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _is_the_files(exc: Exception) -> bool:
    """Whether it is the file that is at fault, and not what was to be written."""
    if isinstance(exc, sqlite3.OperationalError | sqlite3.InternalError | OSError | MemoryError):
        return True
    if _code(exc) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:  # somebody has put one up
        return True
    return type(exc) is sqlite3.DatabaseError  # malformed, or no database at all


def _code(exc: Exception) -> int:
    """SQLite's own code; 0 where the error is not SQLite's."""
    code: int | None = getattr(exc, "sqlite_errorcode", None)
    return code or 0
