"""The cache's SQL: answers by the hash of what was asked. Prompts are not here."""

import sqlite3
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from weighbridge import db
from weighbridge.cache.kept import Kept, Place
from weighbridge.db import sqlite
from weighbridge.wire.calls import Task
from weighbridge.wire.usage import Usage

MOST_ALIKE: Final = 4_096
"""Questions of one group that a new one is compared with: the last that were answered."""
_STEPS: Final = {
    1: """
CREATE TABLE answer (
    id BLOB PRIMARY KEY,                -- hash of the request and of whom it is kept for
    alike BLOB,                         -- hash of the same without its last question
    signs BLOB,                         -- of the question's embedding: see similar.py
    numbers BLOB,
    key TEXT NOT NULL,                  -- who asked
    at REAL NOT NULL,                   -- seconds since 1970
    until REAL NOT NULL,
    used REAL NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL,              -- bytes, all columns
    receipt TEXT NOT NULL,              -- the ledger's entry that paid for it
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    provider TEXT NOT NULL,
    task TEXT NOT NULL,
    streamed INTEGER NOT NULL,
    usage TEXT NOT NULL,                -- JSON
    cost TEXT,                          -- US dollars
    body BLOB NOT NULL                  -- compressed
) STRICT;
CREATE INDEX answer_by_use ON answer (used);
CREATE INDEX answer_by_end ON answer (until);
CREATE INDEX answer_alike ON answer (alike, at, until, signs, id) WHERE alike IS NOT NULL;
CREATE TABLE total (bytes INTEGER NOT NULL) STRICT;
INSERT INTO total VALUES (0);
CREATE TRIGGER answer_added AFTER INSERT ON answer BEGIN UPDATE total SET bytes = bytes + new.size; END;
CREATE TRIGGER answer_gone AFTER DELETE ON answer BEGIN UPDATE total SET bytes = bytes - old.size; END;
"""
}
_COLUMNS: Final = "receipt, key, at, until, model, endpoint, provider, task, streamed, usage, cost, body"
_WAIT_MS: Final = 1_000
"""For another process that writes."""
_ROW: Final = 300
"""Bytes of a row besides the answer and the embedding, about."""
_usages: Final = msgspec.json.Decoder(Usage)


@dataclass(frozen=True, slots=True)
class Stats:
    """What is kept. `size` is bytes; `hits` are those of the answers that are still here."""

    answers: int
    size: int
    expired: int
    hits: int
    oldest: float | None
    newest: float | None


def connect(path: Path) -> sqlite3.Connection:
    """The file, made where it is not there. Raises sqlite3.Error."""
    connection = sqlite.connect(path)
    try:
        connection.execute("PRAGMA secure_delete = ON")  # what was deleted is not to be found in the file's free pages
        connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
        if connection.execute("PRAGMA user_version").fetchone()[0] != max(_STEPS):  # a look takes no lock
            db.migrate(connection, _STEPS)
    except BaseException:
        connection.close()
        raise
    return connection


def find(connection: sqlite3.Connection, id_: bytes, *, since: float, now: float) -> Kept | None:
    """The answer, if it was given at `since` or later and may still be given. Raises sqlite3.Error."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM answer WHERE id = ? AND at >= ? AND until > ?",  # noqa: S608 - constants
        (id_, since, now),
    ).fetchone()
    return None if row is None else _kept(row)


def alike(connection: sqlite3.Connection, group: bytes, *, since: float, now: float) -> list[tuple[bytes, bytes]]:
    """Ids and signs of the questions of a group, the last ones that were answered. Raises sqlite3.Error."""
    return connection.execute(  # the index has it all
        "SELECT id, signs FROM answer WHERE alike = ? AND at >= ? AND until > ? ORDER BY at DESC LIMIT ?",
        (group, since, now, MOST_ALIKE),
    ).fetchall()


def numbers(connection: sqlite3.Connection, ids: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Ids and numbers of questions, as far as they are there. Raises sqlite3.Error."""
    places = ", ".join("?" * len(ids))
    return connection.execute(f"SELECT id, numbers FROM answer WHERE id IN ({places})", ids).fetchall()  # noqa: S608


def keep(connection: sqlite3.Connection, answers: Sequence[tuple[Place, Kept]], *, most_bytes: int) -> int:
    """Write answers in one transaction, and forget as many as it takes, the longest unused first; how many.

    One that is there already is replaced. Raises sqlite3.Error.
    """
    with db.transaction(connection):
        for place, kept in answers:
            connection.execute("DELETE FROM answer WHERE id = ?", (place.id,))
            row = _row(place, kept)
            connection.execute(f"INSERT INTO answer VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - the same
        return _make_room(connection, most_bytes)


def used(connection: sqlite3.Connection, uses: Sequence[tuple[bytes, float]]) -> None:
    """Note when answers were given again. Raises sqlite3.Error."""
    with db.transaction(connection):
        connection.executemany(
            "UPDATE answer SET used = max(used, ?), hits = hits + 1 WHERE id = ?", [(at, id_) for id_, at in uses]
        )


def sweep(connection: sqlite3.Connection, *, now: float, most_bytes: int) -> int:
    """Forget what may not be given any more, and what is too much; how many. Raises sqlite3.Error."""
    with db.transaction(connection):
        gone = connection.execute("DELETE FROM answer WHERE until <= ?", (now,)).rowcount
        return gone + _make_room(connection, most_bytes)


def clear(connection: sqlite3.Connection, *, key: str | None = None, shrinks: bool = True) -> int:
    """Forget all answers, or those that a key has asked for; how many. Raises sqlite3.Error.

    `shrinks` gives the file's room back, for which nobody else may be at it.
    """
    with db.transaction(connection):
        condition, given = ("", ()) if key is None else (" WHERE key = ?", (key,))
        gone = connection.execute(f"DELETE FROM answer{condition}", given).rowcount  # noqa: S608 - constants
    if shrinks:
        connection.execute("VACUUM")
    if shrinks or gone:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return gone


def forget(connection: sqlite3.Connection, receipts: Collection[str]) -> int:
    """Forget the answers that these entries paid for; how many. Raises sqlite3.Error."""
    wanted = frozenset(receipts)
    with db.transaction(connection):
        gone = [(id_,) for id_, paid in connection.execute("SELECT id, receipt FROM answer") if paid in wanted]
        connection.executemany("DELETE FROM answer WHERE id = ?", gone)
    if gone:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return len(gone)


def stats(connection: sqlite3.Connection, *, now: float) -> Stats:
    """What is kept. Raises sqlite3.Error."""
    row: tuple[int, int, int, int, float | None, float | None] = connection.execute(
        "SELECT count(*), (SELECT bytes FROM total), coalesce(sum(until <= ?), 0), coalesce(sum(hits), 0),"
        " min(at), max(at) FROM answer",
        (now,),
    ).fetchone()
    return Stats(*row)


def _make_room(connection: sqlite3.Connection, most_bytes: int) -> int:
    """Forget down to nine tenths where there is too much, so that not each answer has to."""
    (size,) = connection.execute("SELECT bytes FROM total").fetchone()
    if size <= most_bytes:
        return 0
    excess = size - most_bytes * 9 // 10
    gone: list[tuple[bytes]] = []
    for id_, freed in connection.execute("SELECT id, size FROM answer ORDER BY used"):
        if excess <= 0:
            break
        gone.append((id_,))
        excess -= freed
    connection.executemany("DELETE FROM answer WHERE id = ?", gone)
    return len(gone)


def _row(place: Place, kept: Kept) -> tuple[object, ...]:
    body = zlib.compress(kept.body, 1)
    vector = place.vector
    size = _ROW + len(body) + (0 if vector is None else len(vector.signs) * 2 + len(vector.numbers))
    return (
        *(place.id, None if vector is None else place.group),
        *((None, None) if vector is None else (vector.signs, vector.numbers)),
        *(kept.key, kept.at, kept.until, kept.at, 0, size),
        *(kept.receipt, kept.model, kept.endpoint, kept.provider, kept.task, int(kept.streamed)),
        *(msgspec.json.encode(kept.usage).decode(), kept.cost, body),
    )


def _kept(row: tuple[str, str, float, float, str, str, str, Task, int, str, str | None, bytes]) -> Kept | None:
    """None where what stands there makes no sense: then it is as good as not there."""
    receipt, key, at, until, model, endpoint, provider, task, streamed, usage, cost, body = row
    try:
        tokens, text = _usages.decode(usage), zlib.decompress(body)
    except (msgspec.DecodeError, zlib.error):
        return None
    return Kept(receipt, key, at, until, model, endpoint, provider, task, bool(streamed), tokens, cost, text)
