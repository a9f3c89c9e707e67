"""The database: one SQLite file in WAL mode. Connects and migrates; knows no table by name.

A process writes through one connection only (see ledger/writer.py); several processes take turns by
SQLite's own lock.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Final, Literal, ParamSpec, TypeVar

Durability = Literal["process", "power"]
"""What a committed row survives: the death of our process, or the loss of power as well (an fsync each time)."""

Error = sqlite3.Error

_SYNCHRONOUS: Final[dict[Durability, str]] = {"process": "NORMAL", "power": "FULL"}
_STATEMENTS: Final = 256
"""Statements kept ready: an insert of each number of rows, in two shapes, and the others."""
_BUSY_SECONDS: Final = 10.0


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(when: datetime) -> int:
    """Microseconds since 1970, as the tables hold times; `when` is aware."""
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(stored: int) -> datetime:
    """The aware time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=stored)


class TooNew(sqlite3.DatabaseError):
    """The file was brought up to a step that this release does not know."""


def connect(path: Path, *, durability: Durability = "process") -> sqlite3.Connection:
    """A connection in autocommit mode; transactions are begun and ended by hand. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
    )
    try:
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")  # or INSERT OR REPLACE gets past those on DELETE
    except sqlite3.Error:
        connection.close()
        raise
    return connection


_Done = TypeVar("_Done")
_Given = ParamSpec("_Given")


async def in_thread(work: Callable[_Given, _Done], *given: _Given.args, **named: _Given.kwargs) -> _Done:
    """As asyncio.to_thread, for work with a connection: cancelled, it waits until the thread is done.

    SQLite crashes the process where a connection is closed under it, and closing is what follows a stop.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *given, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _use_wal(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite's own timeout does not cover this switch, so processes that start at once take turns here.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def migrate(connection: sqlite3.Connection, steps: Mapping[int, str] | None = None) -> None:
    """Bring the file up to the newest of the numbered steps (SQL scripts): all that are missing, or none.

    Raises TooNew where a newer release has brought it further, sqlite3.Error where a step fails.
    """
    known = shipped() if steps is None else steps
    newest = max(known, default=0)
    with transaction(connection):
        done: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if done > newest:
            raise TooNew(
                f"a newer release has brought it to step {done}, this one knows {newest}: install that release"
            )
        for number in sorted(step for step in known if step > done):
            for statement in _statements(known[number]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def shipped() -> dict[int, str]:
    """The steps of this release, by number."""
    return {
        int(file.name[:4]): file.read_text(encoding="utf-8")
        for file in resources.files("weighbridge.migrations").iterdir()
        if file.name.endswith(".sql")
    }


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, or nothing of it."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")  # this too may fail: on a full disk, or when a reader is in the way
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    *parts, rest = script.split(";")
    statement = ""
    for part in parts:
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if (statement + rest).strip():
        yield statement + rest  # a comment, or one without its semicolon
