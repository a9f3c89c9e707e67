"""Retention: old entries go to Parquet files, are read back and compared, and only then leave the database.

The tables' triggers allow an entry to be deleted only while a row of `archive` says that its time is in a file that
was verified, and that row is final once all are dropped. What is dropped is what the file has, by id: an entry of that
time that was written meanwhile stays. The roll-ups stay too, so every sum is what it was. Broken off at any point, it
goes on when it is called again; the gateway may run meanwhile.
"""
# ruff: noqa: S608 - the statements are put together from constants of this file

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.ledger import parquet
from weighbridge.ledger.parquet import File, Progress
from weighbridge.ledger.rollups import HOUR

if TYPE_CHECKING:
    import pyarrow

QUIET: Final = timedelta(days=1)
"""How long ago the newest entry must be that may be archived: those of requests under way are still to come."""
_AT_ONCE: Final = 2_000
"""Entries dropped in one transaction: some tens of milliseconds in which nobody else writes."""


class NotTheSame(Exception):
    """A file does not have what the ledger has; nothing was dropped on its account."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A file that has taken entries over; money in 1e-12 US dollars."""

    file: Path
    entries: int
    prompt_tokens: int
    completion_tokens: int
    cost: int


def archive(
    connection: Connection,
    directory: Path,
    *,
    before: datetime,
    now: datetime,
    progress: Progress = lambda done: None,
) -> list[Archived]:
    """Move all entries from before a full hour to files in `directory`, one for each month.

    Raises ValueError for an hour that is not full or not long enough ago, NotTheSame where a file differs from what the
    ledger has, PackageMissing, OSError, db.Error.
    """
    if microseconds(before) % HOUR:
        raise ValueError("sums are kept by the hour: name a full one, such as the start of a day")
    if before > now - QUIET:
        raise ValueError("that is less than a day ago: requests of that time may still be under way")
    done = [_drop(connection, path, now) for path in _unfinished(connection, directory)]
    unverified = directory / _UNVERIFIED
    for leftover in unverified.glob("*.parquet*"):
        leftover.unlink()
    files = parquet.export(connection, unverified, until=before, progress=progress)
    for file in files:  # all of them before the first is dropped: an answer given again names what it had cost
        verify(connection, file.path)
    placed = [_enter(connection, file, directory, before, now) for file in files]
    unverified.rmdir()
    return [*done, *(_drop(connection, path, now) for path in placed)]


_UNVERIFIED: Final = "unverified"
"""Where files are until they are; a question to the directory does not see them."""


def verify(connection: Connection, path: Path) -> None:
    """Raise NotTheSame unless every entry of a file is in the ledger, the same in all columns."""
    for batch in _read(path):
        ids = batch.column("id").to_pylist()
        marks = ", ".join("?" * len(ids))
        found = connection.execute(
            f"{parquet.SELECT} WHERE receipt.id IN ({marks}) ORDER BY receipt.id", ids
        ).fetchall()
        rows = [tuple(row) for row in found]
        if len(rows) != len(ids) or not parquet.table(rows).equals(batch):
            raise NotTheSame(f"{path.name}: entries from {ids[0]} to {ids[-1]} are not as the ledger has them")


def _read(path: Path) -> "Iterator[pyarrow.Table]":
    import pyarrow as arrow  # noqa: PLC0415 - an extra
    import pyarrow.parquet as files  # noqa: PLC0415 - likewise

    with files.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_AT_ONCE):
            yield arrow.Table.from_batches([batch])


def _enter(connection: Connection, file: File, directory: Path, before: datetime, now: datetime) -> Path:
    """Say that a file was verified, and put it at its place: from here on its entries may be dropped."""
    start, end = _month(file.month)
    cost_high, cost_low = divmod(file.cost, 1_000_000)
    names = (parquet.name_of(file.month, number) for number in itertools.count(1))
    taken = {name for (name,) in connection.execute("SELECT file FROM archive").fetchall()}  # some may be restored
    place = next(directory / name for name in names if name not in taken and not (directory / name).exists())
    connection.execute(
        "INSERT INTO archive (file, sha256, since, until, entries, prompt_tokens, completion_tokens, cost_high,"
        " cost_low, verified_at, dropped_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            place.name,
            _digest(file.path),
            microseconds(start),
            microseconds(min(end, before)),
            file.entries,
            file.prompt_tokens,
            file.completion_tokens,
            cost_high,
            cost_low,
            microseconds(now),
        ),
    )
    file.path.rename(place)
    parquet.sync(directory)
    return place


def _drop(connection: Connection, path: Path, now: datetime) -> Archived:
    for batch in _read(path):
        ids = batch.column("id").to_pylist()
        with transaction(connection):
            connection.execute(f"DELETE FROM entry WHERE id IN ({', '.join('?' * len(ids))})", ids)
    connection.execute("UPDATE archive SET dropped_at = ? WHERE file = ?", (microseconds(now), path.name))
    row: tuple[Any, ...] = connection.execute(
        "SELECT entries, prompt_tokens, completion_tokens, cost_high * 1000000 + cost_low FROM archive WHERE file = ?",
        (path.name,),
    ).fetchone()
    return Archived(path, *map(int, row))


def _unfinished(connection: Connection, directory: Path) -> Iterator[Path]:
    """The files whose entries are not all dropped, each at its place."""
    sql = "SELECT file, sha256, since, verified_at FROM archive WHERE dropped_at IS NULL"
    for name, digest, since, verified_at in connection.execute(sql).fetchall():
        place = directory / name
        before = directory / _UNVERIFIED / parquet.name_of(f"{moment(since):%Y-%m}")
        if not place.exists() and before.is_file() and _digest(before) == digest:
            before.rename(place)
        if not place.is_file() or _digest(place) != digest:
            raise NotTheSame(
                f"{name} was verified on {moment(verified_at):%Y-%m-%d %H:%M} and its entries are not all dropped, and"
                f" it is not in {directory} any more as it was: put it back, or name the directory that has it"
            )
        yield place


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _month(month: str) -> tuple[datetime, datetime]:
    """From when to when it is."""
    start = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    return start, (start + timedelta(days=32)).replace(day=1)
