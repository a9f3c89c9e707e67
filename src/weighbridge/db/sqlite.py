"""SQLite: one file in WAL mode."""

import sqlite3
import time
from pathlib import Path
from typing import Final, Literal

Durability = Literal["process", "power"]
"""What a committed row survives: the death of our process, or the loss of power as well (an fsync each time)."""

_SYNCHRONOUS: Final[dict[Durability, str]] = {"process": "NORMAL", "power": "FULL"}
_STATEMENTS: Final = 256
"""Statements kept ready: an insert of each number of rows, in two shapes, and the others."""
_BUSY_SECONDS: Final = 10.0


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
