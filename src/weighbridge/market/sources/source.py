"""What a source is to the rest: who it is, whether a file is of it, and its rows."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from weighbridge.errors import MarketError
from weighbridge.market.findings import Finding
from weighbridge.market.tables import Row


@dataclass(frozen=True, slots=True)
class About:
    """Who it is. The line is a condition of most licences: it goes with every export."""

    name: str
    title: str
    home: str
    licence: str
    line: str
    """The attribution line; `{as_of}` stands for the day."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A file as it was got."""

    path: Path
    name: str
    """As it was called where it came from: some say their day in it."""
    as_of: date | None = None
    """The day on which it was published, where whoever brings it knows."""

    def sha256(self) -> str:
        """Of its bytes, read in pieces."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class Source(Protocol):
    """A small module's one object."""

    @property
    def about(self) -> About: ...

    def recognise(self, path: Path) -> bool:
        """Whether a file is of this source, by its columns or keys; a look at its beginning must do."""
        ...

    def as_of(self, payload: Payload) -> date:
        """The day on which it was published: said by whoever brings it, else read. Raises MarketError."""
        ...

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        """Its rows, and what is wrong with them, one after another: a file may be larger than memory."""
        ...


def csv_head(path: Path) -> tuple[str, ...]:
    """The first line's columns; none where it is no such text."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(next(csv.reader([file.readline(65_536)]), ()))
    except (UnicodeDecodeError, csv.Error):
        return ()


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(the row's number, its cells by column); the head is row 1. A missing cell is empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from enumerate(csv.DictReader(file, restval=""), start=2)


def unreadable(number: int, error: Exception) -> Finding:
    """Of a row that could not be read."""
    return Finding(kind="unreadable-row", subject=f"row {number}", said=str(error))


def no_day(payload: Payload) -> MarketError:
    """Where nothing says when a file was published."""
    return MarketError(f"{payload.name!r} does not say when it was published; name it …_2024-12-31.csv, or use --as-of")
