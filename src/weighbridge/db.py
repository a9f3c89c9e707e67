"""The database: one SQLite file in WAL mode. Connects and migrates; knows no table by name.

A process writes through one connection only (see ledger/writer.py); several processes take turns by
SQLite's own lock.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final, Literal

Durability = Literal["process", "power"]
"""What a committed row survives: the death of our process, or the loss of power as well (an fsync each time)."""

Error = sqlite3.Error

_SYNCHRONOUS: Final[dict[Durability, str]] = {"process": "NORMAL", "power": "FULL"}
_BUSY_SECONDS: Final = 10.0


def connect(path: Path, *, durability: Durability = "process") -> sqlite3.Connection:
    """A connection in autocommit mode; transactions are begun and ended by hand. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file up to the newest numbered step; each step is done whole or not at all."""
    steps = sorted(
        (int(file.name[:4]), file.read_text(encoding="utf-8"))
        for file in resources.files("weighbridge.migrations").iterdir()
        if file.name.endswith(".sql")
    )
    with transaction(connection):
        done: int = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, sql in steps:
            if number > done:
                for statement in _statements(sql):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
