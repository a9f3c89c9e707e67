"""Rows as CSV or Parquet: columns of a few kinds, and cells of them."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from weighbridge.ledger.cost import plain

if TYPE_CHECKING:
    import pyarrow


class PackageMissing(Exception):
    """What is asked for needs a package that is not installed; the message says how to get it."""


Kind = Literal["text", "count", "money", "seconds", "time"]
Cell = str | int | float | Decimal | datetime | None


def csv_text(columns: Mapping[str, Kind], rows: Sequence[Mapping[str, Cell]]) -> str:
    """With a head; money in digits, times in UTC by ISO 8601, unknown empty."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(row[name]) for name in columns] for row in rows)
    return written.getvalue()


def _text(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return plain(cell)
    return f"{cell:%Y-%m-%dT%H:%M:%SZ}" if isinstance(cell, datetime) else cell


def write_parquet(path: Path, columns: Mapping[str, Kind], rows: Sequence[Mapping[str, Cell]]) -> None:
    """One file; money as decimals of 12 places. Raises PackageMissing, OSError."""
    with parquet_file(path, columns) as add:
        add(rows)


Add = Callable[[Sequence[Mapping[str, Cell]]], None]
"""Writes more rows."""


@contextmanager
def csv_file(path: Path, columns: Mapping[str, Kind]) -> Iterator[Add]:
    """What `csv_text` gives, in a file, as the rows come. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)

        def add(rows: Sequence[Mapping[str, Cell]]) -> None:
            writer.writerows([_text(row[name]) for name in columns] for row in rows)

        yield add


@contextmanager
def parquet_file(path: Path, columns: Mapping[str, Kind]) -> Iterator[Add]:
    """The same as Parquet, as `write_parquet` does. Raises PackageMissing, OSError."""
    arrow = pyarrow_()
    # pyarrow.parquet is a module of its own, with the package
    from pyarrow import parquet  # noqa: PLC0415

    schema = arrow.schema([(name, _type(arrow, kind)) for name, kind in columns.items()])
    with parquet.ParquetWriter(path, schema, compression=COMPRESSION) as writer:

        def add(rows: Sequence[Mapping[str, Cell]]) -> None:
            writer.write_table(arrow.Table.from_pylist([dict(row) for row in rows], schema=schema))

        yield add


COMPRESSION: Final = "lz4"
"""Read twice as fast as zstd's, in half as much room again."""


def pyarrow_() -> Any:  # noqa: ANN401 - a module
    """The package, where it is installed. Raises PackageMissing."""
    try:
        import pyarrow  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("Parquet needs a package: pip install 'weighbridge[analysis]'") from error
    return pyarrow


def _type(arrow: Any, kind: Kind) -> "pyarrow.DataType":  # noqa: ANN401 - a module
    types: dict[Kind, pyarrow.DataType] = {
        "text": arrow.string(),
        "count": arrow.int64(),
        "money": arrow.decimal128(38, 12),
        "seconds": arrow.float64(),
        "time": arrow.timestamp("us", "UTC"),
    }
    return types[kind]
