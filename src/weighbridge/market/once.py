"""Rows of one payload that speak of the same thing: the first as it came is kept, others are told and left out.

It is done over the parts as they were written, month by month, in DuckDB within its memory: a snapshot of the hub has
millions of keys, and one that is there twice would be summed twice. Parts are sorted stably, so the first of a key in
the first part that has it came first.
"""

# ruff: noqa: S608 - of our own columns; paths are quoted

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weighbridge.market.connection import connected, quoted
from weighbridge.market.findings import Finding
from weighbridge.market.store import SEARCHED
from weighbridge.market.tables import TABLES

if TYPE_CHECKING:
    import duckdb

_MEMORY: Final = "400MB"
_MOST_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Left:
    """What of a table was left out."""

    rows: int
    findings: tuple[Finding, ...]


def once(table: str, files: Sequence[Path], spill: Path) -> Left:
    """Have each key of a table once in a payload's parts, which are in the order of writing. Raises PackageMissing."""
    months: defaultdict[Path, list[Path]] = defaultdict(list)
    for file in files:
        months[file.parent].append(file)
    others: list[tuple[Any, ...]] = []  # Any: cells
    same = rows = 0
    with connected(spill, _MEMORY) as connection:
        for parts in months.values():
            if not _find(connection, table, parts):
                continue
            found = connection.execute('SELECT count(*), count(*) FILTER ("#same") FROM left_out').fetchone() or (0, 0)
            rows, same = rows + found[0], same + found[1]
            columns = ", ".join(f'"{each}"' for each in TABLES[table].columns)
            told = connection.execute(
                f'SELECT {columns} FROM left_out WHERE NOT "#same" ORDER BY ALL LIMIT {_MOST_TOLD}'
            )
            others += told.fetchall()
            _rewrite(connection, parts)
    return Left(rows, tuple(_told(table, others, rows - same, same)))


def _find(connection: "duckdb.DuckDBPyConnection", table: str, parts: Sequence[Path]) -> bool:
    """Whether a key is there twice; rows to be left out are then a table, each with its file and place in it."""
    key = [f'"{each}"' for each in TABLES[table].key]
    keys, columns = ", ".join(key), [f'"{each}"' for each in TABLES[table].columns]
    files = ", ".join(quoted(str(part)) for part in parts)
    read = f"read_parquet([{files}], hive_partitioning = false, filename = true, file_row_number = true)"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE twice AS SELECT {keys} FROM {read} GROUP BY {keys} HAVING count(*) > 1"
    )
    if connection.execute("SELECT 1 FROM twice LIMIT 1").fetchone() is None:
        return False
    there = " AND ".join(f"r.{each} IS NOT DISTINCT FROM t.{each}" for each in key)
    said = "row(" + ", ".join(columns) + ")"
    window = f"(PARTITION BY {keys} ORDER BY list_position([{files}], filename), file_row_number)"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE left_out AS
        SELECT * FROM (
            SELECT *, row_number() OVER {window} AS "#place", first_value({said}) OVER {window} = {said} AS "#same"
            FROM (SELECT r.* FROM {read} r SEMI JOIN twice t ON {there})
        ) WHERE "#place" > 1
    """)
    return True


def _rewrite(connection: "duckdb.DuckDBPyConnection", parts: Sequence[Path]) -> None:
    """Each part that has rows to be left out, without them, in the order that it has."""
    for part in parts:
        own = f"filename = {quoted(str(part))}"
        if connection.execute(f"SELECT 1 FROM left_out WHERE {own} LIMIT 1").fetchone() is None:
            continue
        unfinished = part.with_suffix(".unfinished")
        connection.execute(f"""
            COPY (
                SELECT * EXCLUDE (file_row_number)
                FROM read_parquet({quoted(str(part))}, hive_partitioning = false, file_row_number = true) r
                ANTI JOIN (SELECT file_row_number FROM left_out WHERE {own}) l USING (file_row_number)
                ORDER BY file_row_number
            ) TO {quoted(str(unfinished))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {SEARCHED})
        """)
        unfinished.rename(part)


def _told(table: str, rows: Sequence[tuple[Any, ...]], others: int, same: int) -> Iterator[Finding]:  # Any: cells
    columns = list(TABLES[table].columns)
    for row in rows[:_MOST_TOLD]:
        key = (row[columns.index(each)] for each in TABLES[table].key)
        subject = ", ".join([table, *(str(each) for each in key if each is not None)])
        yield Finding(kind="duplicate-row", subject=subject, said=f"{row[:-2]} is left out")
    if others > _MOST_TOLD:
        said = f"{others - len(rows[:_MOST_TOLD])} more that say something else of what a row before them says"
        yield Finding(kind="duplicate-row", subject=table, said=said)
    if same:
        said = f"{same} rows are there again, to the last letter; each counts once"
        yield Finding(kind="duplicate-row", subject=table, said=said)
