"""Entries as Parquet files, one for each month: what an export writes and an archive keeps.

A file holds all that the ledger says of its entries, flat, so that any tool reads it without the ledger; `analysis.py`
does.
"""
# ruff: noqa: S608 - the statements are put together from constants of this file

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.rollups import HOUR
from weighbridge.ledger.saved import GIVEN_AGAIN
from weighbridge.ledger.tabular import COMPRESSION, pyarrow_

if TYPE_CHECKING:
    import pyarrow

Kind = Literal["text", "number", "truth", "time"]

COLUMNS: Final[Mapping[str, Kind]] = {
    "id": "text",
    "at": "time",
    "hour": "number",
    "key": "text",
    "asked_model": "text",
    "model": "text",
    "provider": "text",
    "upstream_model": "text",
    "upstream_request": "text",
    "ending": "text",
    "status": "number",
    "error": "text",
    "streamed": "truth",
    "prompt_tokens": "number",
    "completion_tokens": "number",
    "cached_tokens": "number",
    "written_tokens": "number",
    "reasoning_tokens": "number",
    "counted_by": "text",
    "cost": "number",
    "saved": "number",
    "price_id": "text",
    "price_source": "text",
    "price_since": "text",
    "first_byte": "number",
    "duration": "number",
    "answered": "number",
    "attempts": "text",
    "organisation": "text",
    "project": "text",
    "tags": "text",
    "key_tags": "text",
    "policy": "text",
    "rule": "text",
    "facts": "text",
    "user": "text",
    "corrects": "text",
    "imported": "text",
}
"""Of a file. Money (`cost`, and `saved` by an answer given again) is in 1e-12 US dollars, times are in microseconds,
`hour` is hours since 1970; `attempts`, `tags`, `key_tags` and `facts` are JSON."""
IBIS_TYPES: Final[Mapping[Kind, str]] = {
    "text": "string",
    "number": "int64",
    "truth": "boolean",
    "time": "timestamp('UTC')",
}

_READ: Final[Mapping[str, str]] = {
    "hour": f"receipt.at / {HOUR}",
    "user": "receipt.end_user",
    "saved": "CASE WHEN receipt.price_id = 'cache' AND receipt.ending = 'complete' AND receipt.corrects IS NULL"
    " THEN paid.cost END",
}
SELECT: Final = (
    f"SELECT {', '.join(_READ.get(name, f'receipt.{name}') for name in COLUMNS)}"
    " FROM receipt LEFT JOIN entry AS paid"
    f" ON paid.id = receipt.upstream_request AND receipt.price_id = '{GIVEN_AGAIN}'"
)
"""The columns of entries, in their order; what follows may narrow it down."""
_NEXT: Final = f"{SELECT} WHERE receipt.id > ? AND receipt.at >= ? AND receipt.at < ? ORDER BY receipt.id LIMIT ?"
_BATCH: Final = 20_000
_ROW_GROUP: Final = 500_000
_NEVER: Final = 2**62

Progress = Callable[[int], None]
"""Told how many entries are done."""
_Rows = Sequence[tuple[Any, ...]]  # cells are texts, numbers and None


@dataclass(frozen=True, slots=True)
class File:
    """A month's entries on disk; the sums are in the units of the columns."""

    path: Path
    month: str
    entries: int
    prompt_tokens: int
    completion_tokens: int
    cost: int


def export(
    connection: Connection,
    directory: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = lambda done: None,
) -> list[File]:
    """Write all entries from `since` to before `until`, a file for each month.

    Raises PackageMissing, FileExistsError where a month's file is there already, OSError, db.Error. No file is there
    under its name before it is whole and on the disk.
    """
    pyarrow_()
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        months: dict[str, _Writing] = {}
        done = 0
        for rows in batches(connection, since=since, until=until):
            for month, part in _by_month(rows).items():
                if month not in months:
                    months[month] = stack.enter_context(_Writing(directory / name_of(month), month))
                months[month].add(part)
            done += len(rows)
            progress(done)
        return [writing.finish() for _, writing in sorted(months.items())]


def name_of(month: str, number: int = 1) -> str:
    """The file of a month such as `2026-11`, or another of the same."""
    return f"entries-{month}.parquet" if number == 1 else f"entries-{month}.{number}.parquet"


def batches(
    connection: Connection, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[list[tuple[Any, ...]]]:  # cells are texts, numbers and None
    """The rows of entries in the order of their ids, some thousands at a time. Raises db.Error."""
    start = 0 if since is None else microseconds(since)
    end = _NEVER if until is None else microseconds(until)
    last = ""
    while rows := [tuple(row) for row in connection.execute(_NEXT, (last, start, end, _BATCH)).fetchall()]:
        yield rows
        last = rows[-1][0]


def table(rows: _Rows) -> "pyarrow.Table":
    """Rows of the ledger as a table of Arrow. Raises PackageMissing."""
    arrow = pyarrow_()
    columns = zip(*rows, strict=True)
    arrays = [_array(arrow, kind, cells) for kind, cells in zip(COLUMNS.values(), columns, strict=True)]
    return arrow.Table.from_arrays(arrays, schema=schema())


def schema() -> "pyarrow.Schema":
    """Of a file. Raises PackageMissing."""
    arrow = pyarrow_()
    return arrow.schema([(name, _type(arrow, kind)) for name, kind in COLUMNS.items()])


def _array(arrow: Any, kind: Kind, cells: Sequence[object]) -> Any:  # noqa: ANN401 - values of Arrow
    if kind == "truth":
        cells = [None if cell is None else bool(cell) for cell in cells]
    if kind == "time":
        return arrow.array(cells, arrow.int64()).cast(_type(arrow, kind))
    return arrow.array(cells, _type(arrow, kind))


def _type(arrow: Any, kind: Kind) -> Any:  # noqa: ANN401 - values of Arrow
    types: Mapping[Kind, Any] = {  # Any: as above
        "text": arrow.string(),
        "number": arrow.int64(),
        "truth": arrow.bool_(),
        "time": arrow.timestamp("us", "UTC"),
    }
    return types[kind]


_AT: Final = list(COLUMNS).index("at")


def _by_month(rows: _Rows) -> dict[str, list[tuple[Any, ...]]]:  # cells are texts, numbers and None
    months: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        months.setdefault(f"{moment(row[_AT]):%Y-%m}", []).append(row)
    return months


class _Writing:
    """A file that is being written; what was begun and not finished is taken away."""

    def __init__(self, path: Path, month: str) -> None:
        import pyarrow.parquet  # noqa: PLC0415 - an extra

        if path.exists():
            raise FileExistsError(errno.EEXIST, "is there already; name another directory", str(path))
        self._path, self._month = path, month
        self._unfinished = path.with_name(f"{path.name}.unfinished")
        self._writer = pyarrow.parquet.ParquetWriter(self._unfinished, schema(), compression=COMPRESSION)
        self._waiting: list[pyarrow.Table] = []
        self._rows = 0
        self._sums = [0, 0, 0, 0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer.is_open:
            self._writer.close()
        self._unfinished.unlink(missing_ok=True)

    def add(self, rows: _Rows) -> None:
        """Take in rows; they are written in groups of many."""
        self._waiting.append(table(rows))
        self._rows += len(rows)
        self._sums[0] += len(rows)
        for place, column in enumerate(_SUMMED, 1):
            self._sums[place] += sum(row[column] or 0 for row in rows)
        if self._rows >= _ROW_GROUP:
            self._flush()

    def finish(self) -> File:
        """The file, whole and under its name."""
        self._flush()
        self._writer.close()
        sync(self._unfinished)
        self._unfinished.rename(self._path)
        sync(self._path.parent)
        entries, prompt, completion, cost = self._sums
        return File(self._path, self._month, entries, prompt, completion, cost)

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pyarrow_().concat_tables(self._waiting))
        self._waiting, self._rows = [], 0


def sync(path: Path) -> None:
    """Have a file, or the names in a directory, on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_SUMMED: Final = tuple(list(COLUMNS).index(name) for name in ("prompt_tokens", "completion_tokens", "cost"))
