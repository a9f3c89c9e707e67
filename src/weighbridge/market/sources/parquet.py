"""Parquet payloads, read batch by batch: a file may be larger than memory, cut off, or of other columns."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.ledger.tabular import pyarrow_
from weighbridge.market.findings import Finding
from weighbridge.market.sources.source import Bulk, changed
from weighbridge.market.tables import TABLES, Row

_MAGIC: Final = b"PAR1"
_BATCH: Final = 65_536
Batch = Any  # pyarrow has no types


def is_parquet(path: Path) -> bool:
    """By its first bytes."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def columns(path: Path) -> tuple[str, ...] | None:
    """The top columns of a Parquet file; None where it is none, or is cut off. Raises PackageMissing."""
    if not is_parquet(path):
        return None
    try:
        with _opened(path) as file:
            return tuple(file.schema_arrow.names)
    except (ValueError, OSError):  # pyarrow's ArrowInvalid is a ValueError
        return None


def read_parquet(
    path: Path, needed: Sequence[str], wanted: Sequence[str], rows: Callable[[Batch], Iterator[Row | Bulk | Finding]]
) -> Iterator[Row | Bulk | Finding]:
    """What `rows` makes of each batch of these columns; a finding where the file is cut off or lacks one it needs."""
    try:
        with _opened(path) as file:
            there = file.schema_arrow.names
            if findings := changed(there, needed):
                yield from findings
                return
            both = [each for each in dict.fromkeys((*needed, *wanted)) if each in there]
            for batch in file.iter_batches(batch_size=_BATCH, columns=both):
                yield from rows(batch)
    except (ValueError, OSError) as error:
        yield Finding(kind="truncated-file", subject=path.name, said=str(error).split("\n", maxsplit=1)[0])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:  # Any: as above
    pyarrow_()
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    with parquet.ParquetFile(
        path, memory_map=False, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
    ) as file:
        yield file


def bulk(table: str, cells: dict[str, Any], count: int, source: str, as_of: date) -> Bulk:
    """Columns of a batch as rows of a table; those that are not given are unknown, and one value stands for all."""
    arrow = pyarrow_()
    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_(), date: arrow.date32()}
    given = {**cells, "source": source, "as_of": as_of}
    arrays = {}
    for name, kind in TABLES[table].columns.items():
        value = given.get(name)
        if isinstance(value, str | int | date) or value is None:
            arrays[name] = arrow.repeat(arrow.scalar(value, kinds[kind]), count)
        else:
            arrays[name] = value.cast(kinds[kind])
    return Bulk(table, arrow.table(arrays))
