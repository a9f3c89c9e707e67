"""Archived entries put back into the ledger, the same in every column, without a sum changing.

The roll-ups have kept what was archived, so what writing the entries again adds to them is taken off in the same
transaction. Broken off at any point, it goes on when it is called again. A file whose entries are all back, and were
compared, is noted in `restored` and gets another name, so that each entry is in the ledger or in a file, not in both.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weighbridge.db import Connection, engine, microseconds, moment, transaction
from weighbridge.ledger import parquet, rollups, store
from weighbridge.ledger.archive import Archived, NotTheSame
from weighbridge.ledger.rollups import HOUR
from weighbridge.ledger.server import prepare_months
from weighbridge.ledger.tabular import pyarrow_

if TYPE_CHECKING:
    import pyarrow

PUT_BACK: Final = ".restored"
"""What the name of a file ends with whose entries are back."""
_AT_ONCE: Final = 2_000
"""Entries in one transaction: some tens of milliseconds in which nobody else writes."""
_DERIVED: Final = ["saved"]
"""Columns that other entries decide: what an answer given again had cost, if that entry is there."""

Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""
_Row = Mapping[str, Any]  # cells are texts, numbers and None


def archived(connection: Connection, directory: Path, month: datetime | None = None) -> list[Archived]:
    """The files, of a month or all, whose entries are not in the ledger, at their places. Raises db.Error."""
    sql = (
        "SELECT file, since, entries, prompt_tokens, completion_tokens, cost_high * 1000000 + cost_low FROM archive"
        " WHERE dropped_at IS NOT NULL AND file NOT IN (SELECT file FROM restored) ORDER BY since, file"
    )
    rows = connection.execute(sql).fetchall()
    wanted = None if month is None else f"{month:%Y-%m}"
    return [
        Archived(directory / file, *map(int, sums))
        for file, since, *sums in rows
        if wanted is None or f"{moment(since):%Y-%m}" == wanted
    ]


def restore(connection: Connection, files: Sequence[Archived], *, now: datetime, progress: Progress) -> None:
    """Put the entries of archived files back. Raises NotTheSame, PackageMissing, OSError, db.Error."""
    pyarrow_()
    for file in files:  # all of them before the first is read
        _check(connection, file)
    done, total = 0, sum(file.entries for file in files)
    for file in files:
        kinds = store.Kinds(connection)
        for batch in _batches(file.file):
            _put_back(connection, batch, kinds)
            done += batch.num_rows
            progress(done, total)
        _compare(connection, file)
        connection.execute(
            "INSERT INTO restored (file, at) VALUES (?, ?) ON CONFLICT DO NOTHING", (file.file.name, microseconds(now))
        )
        set_aside(file.file)


def set_aside(path: Path) -> None:
    """Give a file another name whose entries are back. Raises OSError."""
    path.rename(path.with_name(f"{path.name}{PUT_BACK}"))
    parquet.sync(path.parent)


def left_over(connection: Connection, directory: Path) -> list[Path]:
    """Files whose entries are back and that have their old name still, as a restore was broken off just then."""
    names = connection.execute("SELECT file FROM restored ORDER BY file").fetchall()
    return [directory / name for (name,) in names if (directory / name).is_file()]


def _check(connection: Connection, file: Archived) -> None:
    (digest,) = connection.execute("SELECT sha256 FROM archive WHERE file = ?", (file.file.name,)).fetchone()
    if not file.file.is_file():
        raise NotTheSame(f"{file.file.name} is not in {file.file.parent}: name the directory that has it")
    with file.file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != digest:
            raise NotTheSame(f"{file.file} is not the file that was archived under that name: put that one back")


def _batches(path: Path) -> "Iterator[pyarrow.Table]":
    import pyarrow as arrow  # noqa: PLC0415 - an extra
    import pyarrow.parquet as files  # noqa: PLC0415 - likewise

    with files.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_AT_ONCE):
            yield arrow.Table.from_batches([batch])


def _rows(batch: "pyarrow.Table") -> list[_Row]:
    at = batch.schema.get_field_index("at")
    rows: list[_Row] = batch.set_column(at, "at", batch.column("at").cast("int64")).to_pylist()
    return rows


def _put_back(connection: Connection, batch: "pyarrow.Table", kinds: store.Kinds) -> None:
    rows = _rows(batch)
    first, last = min(row["at"] for row in rows), max(row["at"] for row in rows)
    if engine(connection) == "postgresql":
        prepare_months(connection, moment(first), moment(last))
    cells = [store.cells_of(row, kinds) for row in rows]  # before the transaction: a kind stays when it fails
    with transaction(connection):
        if engine(connection) == "postgresql":  # what others write meanwhile is no part of the difference
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = rollups.sums_by_kind(connection, first // HOUR, last // HOUR)
        store.put_back(connection, cells)
        after = rollups.sums_by_kind(connection, first // HOUR, last // HOUR)
        rollups.take_off(connection, before, after)


def _compare(connection: Connection, file: Archived) -> None:
    """Raise NotTheSame unless every entry of a file is in the ledger, the same in all columns, with the same sums."""
    sums = [0, 0, 0, 0]
    for batch in _batches(file.file):
        ids = batch.column("id").to_pylist()
        marks = ", ".join("?" * len(ids))
        found = connection.execute(
            f"{parquet.SELECT} WHERE receipt.id IN ({marks}) ORDER BY receipt.id", ids
        ).fetchall()
        rows = [tuple(row) for row in found]
        if len(rows) != len(ids) or not parquet.table(rows).drop_columns(_DERIVED).equals(batch.drop_columns(_DERIVED)):
            raise NotTheSame(f"{file.file.name}: entries from {ids[0]} to {ids[-1]} are not as the file has them")
        sums[0] += len(ids)
        for place, name in enumerate(("prompt_tokens", "completion_tokens", "cost"), 1):
            sums[place] += sum(cell or 0 for cell in batch.column(name).to_pylist())
    if sums != [file.entries, file.prompt_tokens, file.completion_tokens, file.cost]:
        raise NotTheSame(f"{file.file.name}: its sums are not those that were noted when it was archived")
