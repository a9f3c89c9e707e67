"""What a source is to the rest: who it is, whether a file is of it, and its rows."""

import csv
import difflib
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.findings import Finding
from weighbridge.market.tables import Row

_LARGEST_JSON: Final = 256 << 20
_LARGEST_CELL: Final = 8 << 20
_JSON: Final = msgspec.json.Decoder(type=dict[str, Any], float_hook=Decimal)  # Any: told apart where it is read


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


@dataclass(frozen=True, slots=True)
class Bulk:
    """Many rows of a table at once, as an Arrow table of its columns: a snapshot has millions."""

    table: str
    rows: Any  # pyarrow has no types


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

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Bulk | Finding]:
        """Its rows, and what is wrong with them, one after another: a file may be larger than memory."""
        ...


def csv_head(path: Path) -> tuple[str, ...]:
    """The columns: the first line that is no comment; none where it is no such text."""
    try:
        return tuple(next(_csv(path), (0, ()))[1])
    except (UnicodeDecodeError, csv.Error):
        return ()


def csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(the line's number, its cells) after the head. Raises UnicodeDecodeError and csv.Error."""
    lines = _csv(path)
    next(lines, None)
    return lines


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(the row's number, its cells by column); the head is row 1. A missing cell is empty."""
    head = csv_head(path)
    for number, cells in csv_lines(path):
        yield number, dict(zip(head, [*cells, *[""] * len(head)], strict=False))


def _csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LARGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        comments = 0
        begun = file.tell()
        while file.readline(_LARGEST_CELL).startswith("#"):
            comments, begun = comments + 1, file.tell()
        file.seek(begun)
        yield from enumerate((cells for cells in csv.reader(file) if cells), start=1 + comments)


def beginning(path: Path) -> str:
    """The first 8 KiB of a text; empty where it is none."""
    with path.open("rb") as file:
        start = file.read(8192)
    return "" if b"\0" in start else start.decode("utf-8-sig", errors="ignore")


def json_object(path: Path) -> dict[str, Any] | Finding:  # Any: as above
    """A JSON object, its numbers exact; a finding for a text that is cut off. Raises MarketError for one too large."""
    if path.stat().st_size > _LARGEST_JSON:
        raise MarketError(f"{path.name!r} is over {_LARGEST_JSON >> 20} MiB; no source here gives so large a JSON")
    try:
        return _JSON.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        return Finding(kind="truncated-file", subject=path.name, said=f"no whole JSON object: {error}")


def changed(there: Collection[str], needed: Collection[str]) -> list[Finding]:
    """That columns are not there which its rows need, if so."""
    missing = [each for each in needed if each not in there]
    said = f"no column {', '.join(missing)}; there are {', '.join(there)}"
    return [Finding(kind="changed-schema", subject="its columns", said=said)] if missing else []


def unknown_keys(there: Collection[str], known: Collection[str], subject: str) -> Iterator[Finding]:
    """Keys that no importer knows; those that are nearly one that is known are told so."""
    for key in there:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            said = f"{key!r}; known are {', '.join(known)}"
            yield Finding(kind="misspelt-key" if near else "unknown-column", subject=subject, said=said)


def unreadable(number: int, error: Exception) -> Finding:
    """Of a row that could not be read."""
    return Finding(kind="unreadable-row", subject=f"row {number}", said=str(error))


def no_day(payload: Payload) -> MarketError:
    """Where nothing says when a file was published."""
    return MarketError(f"{payload.name!r} does not say when it was published; name it …_2024-12-31.csv, or use --as-of")
