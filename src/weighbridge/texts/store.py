"""The texts' SQL, in a file of their own: the ledger stays small, and what is deleted here is gone.

Four things are done with texts (keep, find, each, forget); whoever wants them elsewhere writes these four anew.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from weighbridge import db
from weighbridge.errors import TextsUnavailable
from weighbridge.texts.text import Row, Which

_STEPS: Final = {
    1: """
CREATE TABLE text (
    receipt TEXT PRIMARY KEY,           -- the ledger's entry
    at INTEGER NOT NULL,                -- microseconds since 1970, UTC (all times here)
    key TEXT NOT NULL,                  -- who asked
    end_user TEXT,                      -- whom the client named as its own user; hashed where the body is sealed
    dialect TEXT NOT NULL,
    model TEXT,
    until INTEGER NOT NULL,             -- from when on it may not be here any more
    sealed_by TEXT,                     -- id of the key that the body is encrypted with; NULL: none
    size INTEGER NOT NULL,              -- bytes of request and answer
    body BLOB NOT NULL                  -- both, compressed, and then encrypted
) STRICT;
CREATE INDEX text_by_end ON text (until);
CREATE INDEX text_by_time ON text (at);
CREATE INDEX text_of_key ON text (key, at);
CREATE INDEX text_of_user ON text (end_user) WHERE end_user IS NOT NULL;
-- Keys that have ever sealed a text here. Once there is one, nothing is written in clear any more.
CREATE TABLE seal (id TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT;
"""
}
_FIELDS: Final = "receipt, at, key, end_user, dialect, model, until, sealed_by, size"
_INSERT: Final = f"INSERT INTO text ({_FIELDS}, body) VALUES ({', '.join('?' * 10)}) ON CONFLICT DO NOTHING"  # noqa: S608
_WAIT_MS: Final = 5_000
"""For another process that writes."""
_AT_ONCE: Final = 500
"""Rows deleted in one transaction: nobody else writes meanwhile."""


class TextStore:
    """One connection, for one thread at a time. Every method raises db.Error."""

    def __init__(self, path: Path) -> None:
        """The file, made for its owner's eyes only where it is not there. Raises db.Error, or OSError."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # its log and index take after it
        self._connection = db.connect(path)
        try:
            self._connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
            self._connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
            if self._connection.execute("PRAGMA user_version").fetchone()[0] != max(_STEPS):
                db.migrate(self._connection, _STEPS)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def keep(self, rows: Sequence[Row]) -> None:
        """Write some, all or none; one that is there already stays.

        Raises TextsUnavailable where one of them is not sealed, and others here are.
        """
        with db.transaction(self._connection):
            for seal in {row.sealed_by for row in rows}:
                self._allow(seal, rows[0].at)
            for row in rows:
                self._connection.execute(_INSERT, _values(row))

    def find(self, receipt: str) -> Row | None:
        """The one of a receipt."""
        row = self._connection.execute(
            f"SELECT {_FIELDS}, body FROM text WHERE receipt = ?",  # noqa: S608 - constants
            (receipt,),
        ).fetchone()
        return None if row is None else Row(*row)

    def each(self, which: Which, *, bodies: bool = True, newest_first: bool = False) -> Iterator[Row]:
        """Some of them by time, one after the other: they may be more than the memory holds.

        Without `bodies` each has an empty one.
        """
        where, given = _where(which)
        body = "body" if bodies else "x''"
        order = "DESC" if newest_first else "ASC"
        rows = self._connection.execute(
            f"SELECT {_FIELDS}, {body} FROM text{where} ORDER BY at {order}, receipt {order}",  # noqa: S608 - constants
            given,
        )
        for row in rows:
            yield Row(*row)

    def forget(self, which: Which) -> int:
        """Delete some for good; how many they were. What is not deleted yet when it fails can be deleted again."""
        where, given = _where(which)
        gone = 0
        while True:
            with db.transaction(self._connection):
                done = self._connection.execute(
                    f"DELETE FROM text WHERE receipt IN (SELECT receipt FROM text{where} LIMIT {_AT_ONCE})",  # noqa: S608
                    given,
                ).rowcount
            gone += done
            if done < _AT_ONCE:
                break
        if gone:
            self.empty_log()
        return gone

    def expire(self, *, now: int, before: int) -> int:
        """Delete those whose time has come, and all that are from before; how many they were."""
        gone = 0
        while True:
            with db.transaction(self._connection):
                done = self._connection.execute(
                    "DELETE FROM text WHERE receipt IN"
                    " (SELECT receipt FROM text WHERE until <= ? UNION SELECT receipt FROM text WHERE at < ? LIMIT ?)",
                    (now, before, _AT_ONCE),
                ).rowcount
            gone += done
            if done < _AT_ONCE:
                break
        if gone:
            self.empty_log()
        return gone

    def replace(self, rows: Sequence[Row], *, now: int) -> None:
        """Write rows anew that are there, sealed otherwise; one that was deleted meanwhile stays away."""
        with db.transaction(self._connection):
            for seal in {row.sealed_by for row in rows}:
                self._allow(seal, now)
            for row in rows:
                self._connection.execute(
                    "UPDATE text SET end_user = ?, sealed_by = ?, body = ? WHERE receipt = ?",
                    (row.user, row.sealed_by, row.body, row.receipt),
                )

    def seals(self) -> dict[str | None, int]:
        """How many texts each key seals; those of None nobody."""
        return dict(self._connection.execute("SELECT sealed_by, count(*) FROM text GROUP BY sealed_by"))

    def is_sealed(self) -> bool:
        """Whether a text was ever sealed here, so that nothing is written in clear any more."""
        return self._connection.execute("SELECT 1 FROM seal LIMIT 1").fetchone() is not None

    def empty_log(self) -> bool:
        """Take what was deleted off the write-ahead log too; False where somebody read all the time."""
        busy: int = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def _allow(self, seal: str | None, now: int) -> None:
        if seal is not None:
            self._connection.execute("INSERT INTO seal VALUES (?, ?) ON CONFLICT DO NOTHING", (seal, now))
        elif self.is_sealed():
            raise TextsUnavailable(
                "texts here are encrypted, and no key is set: nothing is written in clear beside them; "
                "set WEIGHBRIDGE_TEXTS_KEY to the key, and start the gateway again"
            )


def _values(row: Row) -> tuple[object, ...]:
    head = (row.receipt, row.at, row.key, row.user, row.dialect, row.model)
    return (*head, row.until, row.sealed_by, row.size, row.body)


def _where(which: Which) -> tuple[str, list[object]]:
    """A condition in SQL, of constants alone, and its values."""
    conditions: list[str] = []
    given: list[object] = []
    for column, values in (("receipt", which.receipts), ("end_user", which.users)):
        if values is not None:
            conditions.append(f"{column} IN ({', '.join('?' * len(values))})")
            given.extend(values)
    for condition, value in (
        ("key = ?", which.key),
        ("at >= ?", which.since),
        ("at < ?", which.before),
        ("sealed_by IS NOT ?", which.not_sealed_by),
    ):
        if value is not None:
            conditions.append(condition)
            given.append(value)
    return (" WHERE " + " AND ".join(conditions) if conditions else ""), given
