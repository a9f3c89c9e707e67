"""The ledger on a PostgreSQL server: groups of entries go in, each whole or not at all, as in `file.py`.

A group whose commit was interrupted may be there or not. It is kept and written again, and PostgreSQL refuses an id
that is there: then the group is looked for, and only what is missing is written. So each entry is there once, and so is
what the same transaction counts beside it.
"""

import logging
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from weighbridge import db
from weighbridge.db import Connection, Durability, Server
from weighbridge.db.postgres import InTheWay
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.outcome import WRITTEN, Outcome, together, words

log = logging.getLogger(__name__)

_TRIES: Final = 5
"""Times that a group is tried at once when another transaction is in its way."""
_AHEAD: Final = timedelta(days=62)
"""How far ahead months are prepared."""
_LOOK_SECONDS: Final = 6 * 3600.0


class LedgerServer:
    """For one thread at a time. Opening raises db.Error."""

    def __init__(self, place: Server, *, durability: Durability = "process") -> None:
        self._connection = db.connect(place, durability=durability)
        self._kinds = store.Kinds(self._connection)
        self._looked = time.monotonic()
        self._prepare()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def commit(self, group: Sequence[Entry]) -> Outcome:
        """Write a group in one transaction; what could not be written is in the outcome."""
        fault = ""
        for _ in range(_TRIES):
            try:
                store.add(self._connection, group, self._kinds)
            except InTheWay as exc:
                fault = words(exc)
            except Exception as exc:  # noqa: BLE001 - whatever it is, answers wait for an outcome
                if _is_the_servers(exc):
                    return _kept(group, exc)
                return self._sort_out(group, exc)
            else:
                return WRITTEN
        return Outcome(kept=frozenset(entry.id for entry in group), fault=fault)

    def tidy(self) -> None:
        """Prepare the months to come. To be called when a group's outcome was told."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._prepare()

    def _prepare(self) -> None:
        now = datetime.now(UTC)
        try:
            prepare_months(self._connection, now, now + _AHEAD)
        except db.Error as exc:  # entries have a place all the same
            log.warning("the ledger's next months cannot be prepared: %s", exc)

    def _sort_out(self, group: Sequence[Entry], exc: Exception) -> Outcome:
        try:
            there = store.written(self._connection, [entry.id for entry in group])
        except Exception as unread:  # noqa: BLE001 - as above
            return _kept(group, unread)
        missing = [entry for entry in group if entry.id not in there]
        if not missing:
            return WRITTEN
        if there:
            return self.commit(missing)
        if len(missing) > 1:
            return together([self.commit([entry]) for entry in missing])
        return Outcome(refused={missing[0].id: words(exc)})


def prepare_months(connection: Connection, since: datetime, until: datetime) -> int:
    """Make the partitions of `entry` for all months from one time to another; how many were new. Raises db.Error."""
    sql = "SELECT prepare_months(?, ?)"
    made: int = connection.execute(sql, (db.microseconds(since), db.microseconds(until))).fetchone()[0]
    return made


def _kept(group: Sequence[Entry], exc: Exception) -> Outcome:
    return Outcome(kept=frozenset(entry.id for entry in group), fault=words(exc))


def _is_the_servers(exc: Exception) -> bool:
    """Whether it is the server that is at fault, and not what was to be written."""
    if isinstance(exc, sqlite3.IntegrityError | sqlite3.DataError):
        return False
    return isinstance(exc, db.Error | OSError | MemoryError)
