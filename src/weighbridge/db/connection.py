"""What both engines have: a connection, its rows, its errors, transactions, and how a time is kept."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, ParamSpec, Protocol, TypeVar
from urllib.parse import urlsplit

from weighbridge.db import postgres, sqlite

Engine = Literal["sqlite", "postgresql"]
Durability = sqlite.Durability

Error = sqlite3.Error
"""Whatever goes wrong, of either engine: the tree is DB-API's (PEP 249), as the standard library spells it."""
OperationalError = sqlite3.OperationalError
"""The database is at fault, not what was asked of it: full, locked, gone, out of reach."""


class TooNew(sqlite3.DatabaseError):
    """The database was brought up to a step that this release does not know."""


class Rows(Protocol):
    """What a statement gave: rows are tuples of int, str, bytes, float and None, truth is 0 or 1."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any: ...  # noqa: ANN401 - cells are of many kinds
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """In autocommit mode: each statement is a transaction of its own but within `transaction`. Raises `Error`."""

    @property
    def in_transaction(self) -> bool:
        """Whether one was begun and not ended."""

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ..., /) -> Rows: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database. Its URL may have a password in it, so that it shows itself without."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        where = parts.netloc.rpartition("@")
        user = where[0].partition(":")[0]
        shown = f"{user}@{where[2]}" if user else where[2]
        query = re.sub(r"(password=)[^&]*", r"\1…", parts.query)
        return f"{parts.scheme}://{shown}{parts.path}{f'?{query}' if query else ''}"


Place = Path | Server
"""Where a database is: a file of SQLite, or a server of PostgreSQL."""

_LOG_WAIT_MS: Final = 100
_LOG_TRIES: Final = 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def connect(place: Place, *, durability: Durability = "process") -> Connection:
    """A connection in autocommit mode. Raises Error, and MissingPackage for a server without the driver."""
    if isinstance(place, Server):
        return postgres.connect(place.url, durability=durability)
    return sqlite.connect(place, durability=durability)


def engine(connection: Connection) -> Engine:
    """Whose connection it is."""
    return "postgresql" if isinstance(connection, postgres.PostgresConnection) else "sqlite"


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit what is done inside, or nothing of it."""
    try:
        connection.execute("BEGIN" if engine(connection) == "postgresql" else "BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")  # this too may fail: on a full disk, or when a reader is in the way
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def delete_for_good(connection: Connection) -> None:
    """Have what is deleted from an SQLite file be overwritten, and not only let go of."""
    if engine(connection) == "sqlite":
        connection.execute("PRAGMA secure_delete = ON")


def empty_log(connection: Connection) -> bool:
    """Take what was deleted off an SQLite file's write-ahead log too; False where somebody read all the time.

    In short tries: nobody commits an entry while one of them waits.
    """
    if engine(connection) != "sqlite":
        return True
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_LOG_WAIT_MS}")
    try:
        return any(not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] for _ in range(_LOG_TRIES))
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def microseconds(when: datetime) -> int:
    """Microseconds since 1970, as the tables hold times; `when` is aware."""
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(stored: int) -> datetime:
    """The aware time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=stored)


_Done = TypeVar("_Done")
_Given = ParamSpec("_Given")


async def in_thread(work: Callable[_Given, _Done], *given: _Given.args, **named: _Given.kwargs) -> _Done:
    """As asyncio.to_thread, for work with a connection: cancelled, it waits until the thread is done.

    SQLite crashes the process where a connection is closed under it, and closing is what follows a stop.
    """
    running = asyncio.create_task(asyncio.to_thread(work, *given, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
