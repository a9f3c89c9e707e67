"""Copying tables from an SQLite file to a PostgreSQL database, and holding both against each other; knows none by name.

Slices of a table are compared before they are copied. So a copy that was broken off goes on where it was, without notes
of its own, and may be made as often as one likes.
"""
# ruff: noqa: S608 - the statements are put together from names that the database gave

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from weighbridge.db.connection import Connection, transaction

SLICE: Final = 5_000
"""Rows that are compared at once, and copied in one transaction."""
_PARAMETERS: Final = 30_000
"""Bound to one statement at most: PostgreSQL counts them in 16 bits."""

Row = tuple[Any, ...]  # cells are of many kinds
Progress = Callable[[int], None]
"""Is told how many more rows are known to be there."""


class NotAlike(Exception):
    """The copy has what the original has not, or differs from it and will not change."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the original."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """Its primary key; empty where it has none, and then it is of few rows."""
    numbers: tuple[str, ...]
    """Those columns that hold integers."""
    needs: frozenset[str]
    """Tables that its rows refer to."""


def tables(original: Connection) -> list[Table]:
    """All of a file, those first that others refer to."""
    names = original.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite|_%' ESCAPE '|' ORDER BY name"
    ).fetchall()
    left = {name: _table(original, name) for (name,) in names}
    found: list[Table] = []
    while left:
        ready = [table for table in left.values() if not (table.needs & left.keys()) - {table.name}]
        found += ready
        for table in ready:
            del left[table.name]
    return found


def _table(original: Connection, name: str) -> Table:
    rows = original.execute(f"SELECT name, type, pk FROM pragma_table_info('{name}')").fetchall()
    keyed = sorted((place, column) for column, _, place in rows if place)
    refers = original.execute(f"SELECT \"table\" FROM pragma_foreign_key_list('{name}')").fetchall()
    return Table(
        name,
        tuple(column for column, _, _ in rows),
        tuple(column for _, column in keyed),
        tuple(column for column, kind, _ in rows if kind == "INTEGER"),
        frozenset(other for (other,) in refers),
    )


def add_missing(
    original: Connection, copy: Connection, table: Table, *, after: Row | None = None, progress: Progress
) -> int:
    """Copy the rows that are not in the copy, of a table whose rows never change; how many there are now.

    `after` is a key: rows up to it are taken for copied. Raises NotAlike where the copy has others, Error.
    """
    count = 0
    while True:
        until = _end_of_slice(original, table, after)
        if until is None:
            break
        wanted = _sums(original, table, after, until)
        found = _sums(copy, table, after, until)
        if found != wanted:
            with transaction(copy):
                insert(copy, table, _slice(original, table, after, until))
            found = _sums(copy, table, after, until)
            # the original may have got more meanwhile, never less
            if found[0] < wanted[0] or (found != wanted and found != _sums(original, table, after, until)):
                raise NotAlike(f"rows of {table.name!r} up to {until} are others in the copy: {found}, not {wanted}")
        count += found[0]
        progress(found[0])
        after = until
    sql = f"SELECT count(*) FROM {table.name} WHERE {_bounds(table, after, None)}"
    (more,) = copy.execute(sql, after or ()).fetchone()
    if more:
        raise NotAlike(f"the copy has {more} rows of {table.name!r} that the original has not")
    return count


def make_alike(original: Connection, copy: Connection, table: Table) -> int:
    """Have the copy of a table that may change hold what the original holds; how many rows that are. Raises Error."""
    if not table.key:
        with transaction(copy):
            copy.execute(f"DELETE FROM {table.name}")
            insert(copy, table, original.execute(f"SELECT {_list(table.columns)} FROM {table.name}").fetchall())
    else:
        _drop_gone(original, copy, table)
        after = None
        while (until := _end_of_slice(original, table, after)) is not None:
            with transaction(copy):
                insert(copy, table, _slice(original, table, after, until), renew=True)
            after = until
    count: int = copy.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
    return count


def insert(copy: Connection, table: Table, rows: Sequence[Row], *, renew: bool = False) -> None:
    """Write rows; those that are there are left as they are, or, to `renew`, made the same where they differ."""
    values = [column for column in table.columns if column not in table.key]
    clash = "ON CONFLICT DO NOTHING"
    if renew and values:
        new = ", ".join(f"{column} = excluded.{column}" for column in values)
        old = ", ".join(f"{table.name}.{column}" for column in values)
        differs = f"ROW({old}) IS DISTINCT FROM ROW({', '.join(f'excluded.{column}' for column in values)})"
        clash = f"ON CONFLICT ({_list(table.key)}) DO UPDATE SET {new} WHERE {differs}"
    at_once = _PARAMETERS // len(table.columns)
    place = f"({', '.join('?' * len(table.columns))})"
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        places = ", ".join([place] * len(some))
        copy.execute(
            f"INSERT INTO {table.name} ({_list(table.columns)}) VALUES {places} {clash}",
            [cell for row in some for cell in row],
        )


def continue_numbers(copy: Connection, tables: Sequence[Table]) -> None:
    """Have the next row that is numbered by the database come after those that were copied."""
    for table in tables:
        if len(table.key) != 1 or table.key[0] not in table.numbers:
            continue
        (key,) = table.key
        sequence = copy.execute("SELECT pg_get_serial_sequence(?, ?)", (table.name, key)).fetchone()[0]
        if sequence is not None:
            copy.execute(f"SELECT setval('{sequence}', (SELECT coalesce(max({key}), 0) + 1 FROM {table.name}), false)")


def _drop_gone(original: Connection, copy: Connection, table: Table) -> None:
    key, same = _list(table.key), " AND ".join(f"{column} = ?" for column in table.key)
    there = {tuple(row) for row in original.execute(f"SELECT {key} FROM {table.name}")}
    for row in copy.execute(f"SELECT {key} FROM {table.name}").fetchall():
        if tuple(row) not in there:
            copy.execute(f"DELETE FROM {table.name} WHERE {same}", row)


def _end_of_slice(original: Connection, table: Table, after: Row | None) -> Row | None:
    """The key of the last row of the next slice; None where there is no more."""
    key = _list(table.key)
    sql = f"SELECT {key} FROM {table.name} WHERE {_bounds(table, after, None)} ORDER BY {key} LIMIT 1 OFFSET ?"
    row = original.execute(sql, (*(after or ()), SLICE - 1)).fetchone()
    if row is None:  # fewer are left
        down = ", ".join(f"{column} DESC" for column in table.key)
        sql = f"SELECT {key} FROM {table.name} WHERE {_bounds(table, after, None)} ORDER BY {down} LIMIT 1"
        row = original.execute(sql, after or ()).fetchone()
    return None if row is None else tuple(row)


def _slice(original: Connection, table: Table, after: Row | None, until: Row) -> list[Row]:
    where = _bounds(table, after, until)
    sql = f"SELECT {_list(table.columns)} FROM {table.name} WHERE {where} ORDER BY {_list(table.key)}"
    rows: list[Row] = original.execute(sql, (*(after or ()), *until)).fetchall()
    return rows


def _sums(connection: Connection, table: Table, after: Row | None, until: Row) -> Row:
    """How many rows, how many cells that are not NULL, and of integers the sums, exactly."""
    counts = [f"count({column})" for column in table.columns]
    sums = [f"coalesce(sum({column} {part}), 0)" for column in table.numbers for part in ("/ 1000000", "% 1000000")]
    sql = f"SELECT count(*), {', '.join(counts + sums)} FROM {table.name} WHERE {_bounds(table, after, until)}"
    row: Row = connection.execute(sql, (*(after or ()), *until)).fetchone()
    return tuple(row)


def _bounds(table: Table, after: Row | None, until: Row | None) -> str:
    places = ", ".join("?" * len(table.key))
    lower = "1 = 1" if after is None else f"({_list(table.key)}) > ({places})"
    return lower if until is None else f"{lower} AND ({_list(table.key)}) <= ({places})"


def _list(columns: Sequence[str]) -> str:
    return ", ".join(columns)
