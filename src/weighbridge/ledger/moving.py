"""Moving a ledger from its SQLite file to a PostgreSQL database, while the gateway writes on.

What is copied may be copied again, so a move that was broken off, by whatever, is begun anew and goes on where it was.
The last round is made with the file locked: nothing can come in any more, and both sides are compared, to the last
digit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from weighbridge.db import Connection, moment, transaction
from weighbridge.db.copying import NotAlike, Table, add_missing, continue_numbers, make_alike, tables
from weighbridge.ledger import rollups
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.server import prepare_months

_FINAL: Final = ("facts", "kind", "entry")
"""Tables whose rows never change, in the order in which they refer to each other."""
_LONGEST: Final = timedelta(hours=6)
"""An id is made when a request comes, and its entry written when it ends, at most so much later."""
_SAMPLE: Final = 100
_FROM: Final = datetime(2020, 1, 1).astimezone()

Progress = Callable[[str, int, int], None]
"""Is told of a table how many rows are copied, and of how many."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a ledger holds in sum; cost is US dollars."""

    entries: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal


class Move:
    """From one connection to another; both databases are migrated, and nobody uses the second yet."""

    def __init__(self, original: Connection, copy: Connection, *, progress: Progress) -> None:
        self._original = original
        self._copy = copy
        self._progress = progress
        self._tables = {table.name: table for table in tables(original)}

    def check(self) -> None:
        """Raise NotAlike where the copy is the ledger of somebody else, or has been used."""
        mine = set(self._original.execute("SELECT id FROM key"))
        others = [row for row in self._copy.execute("SELECT id FROM key").fetchall() if row not in mine]
        for order in ("ASC", "DESC"):
            sql = f"SELECT id FROM entry ORDER BY id {order} LIMIT {_SAMPLE}"  # noqa: S608 - constants
            for row in self._copy.execute(sql).fetchall():
                found = self._original.execute("SELECT 1 FROM entry WHERE id = ?", row).fetchone()
                others += [] if found else [row]
        if others:
            raise NotAlike(f"it has keys or entries that this ledger has not, such as {others[0][0]}")

    def copy_entries(self, *, since: datetime | None = None) -> int:
        """Copy the entries that are missing, or those from some time on; how many were looked at. May be repeated."""
        self._prepare_months()
        after = None if since is None else (f"wbr-{int((since - _LONGEST).timestamp() * 1000):012x}",)
        looked_at = 0
        for name in _FINAL:
            table = self._tables[name]
            looked_at = add_missing(
                self._original,
                self._copy,
                table,
                after=after if name == "entry" else None,
                progress=self._telling(table) if since is None else _untold,
            )
        return looked_at

    def finish(self) -> Totals:
        """Lock the file, copy what is missing, everything else as well, and compare. Raises NotAlike, Error."""
        with transaction(self._original):
            self.copy_entries()
            counts = {
                name: make_alike(self._original, self._copy, table)
                for name, table in self._tables.items()
                if name not in _FINAL and table.key
            }
            for table in self._tables.values():  # these count changes, of the others
                if not table.key:
                    counts[table.name] = make_alike(self._original, self._copy, table)
            for name, count in counts.items():
                (wanted,) = self._original.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - from the file
                if count != wanted:
                    raise NotAlike(f"{name!r} has {count} rows in the copy, and {wanted} in the file")
            continue_numbers(self._copy, list(self._tables.values()))
            before, after = totals(self._original), totals(self._copy)
            if before != after:
                raise NotAlike(f"the sums differ: {after} in the copy, {before} in the file")
            if amiss := rollups.differences(self._copy):
                raise NotAlike(f"the sums by hour differ from those of the entries: {amiss[0]}")
        return after

    def _prepare_months(self) -> None:
        first, last = self._original.execute("SELECT min(at), max(at) FROM entry").fetchone()
        if first is not None:
            prepare_months(self._copy, max(moment(first), _FROM), moment(last))

    def _telling(self, table: Table) -> Callable[[int], None]:
        (total,) = self._original.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608 - from the file
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            done += more
            self._progress(table.name, done, total)

        return tell


def _untold(more: int) -> None:
    pass


def totals(connection: Connection) -> Totals:
    """What a ledger holds."""
    entries, prompt, completion, high, low = connection.execute(
        "SELECT count(*), coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0),"
        " coalesce(sum(cost / 1000000), 0), coalesce(sum(cost % 1000000), 0) FROM entry"
    ).fetchone()
    return Totals(entries, prompt, completion, (high * Decimal(1_000_000) + low) * SMALLEST)
