"""The market's data directory: raw payloads, tables of Parquet, and what is known of each payload.

```
market/
  raw/SHA256              the payload, byte for byte
  tables/TABLE/source=S/month=2026-08/SHA256.parquet    its rows, sorted by the table's key
  payloads/SHA256.json    who, when, under which licence, how many rows, what was found
```

The last is written last, and only parts of payloads that have one are read: an import that was cut off leaves nothing
that counts, and is done again from its beginning. The same payload is taken once.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.ledger.tabular import pyarrow_
from weighbridge.market.findings import Finding
from weighbridge.market.tables import NAMES, TABLES, Row, Table

_ROW_GROUP: Final = 200_000
_ARROW: Final[Mapping[type, str]] = {str: "string", int: "int64", float: "float64", bool: "bool_", date: "date32"}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A payload that was taken in."""

    sha256: str
    size: int
    name: str
    source: str
    as_of: date
    taken: datetime
    licence: str
    line: str
    """The attribution line, with its day."""
    rows: dict[str, int]
    """By table."""
    findings: tuple[Finding, ...]
    parts: tuple[str, ...]
    """Its files, from the tables' directory on."""


class Store:
    """One such directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def payloads(self) -> list[Kept]:
        """All that were taken in, those of the earliest day first."""
        files = self._at("payloads").glob("*.json")
        kept = [msgspec.json.decode(file.read_bytes(), type=Kept) for file in files]
        return sorted(kept, key=lambda each: (each.as_of, each.source, each.sha256))

    def payload(self, sha256: str) -> Kept | None:
        """What is known of a payload, where it was taken in."""
        file = self._at("payloads") / f"{sha256}.json"
        return msgspec.json.decode(file.read_bytes(), type=Kept) if file.exists() else None

    def keep_raw(self, path: Path, sha256: str) -> None:
        """A copy of the payload, whole or not at all. Raises OSError."""
        target = self._at("raw") / sha256
        if not target.exists():
            unfinished = target.with_name(f"{sha256}.unfinished")
            shutil.copyfile(path, unfinished)
            _put(unfinished, target)

    def keep(self, kept: Kept) -> None:
        """Have a payload count; its parts are there. Raises OSError."""
        target = self._at("payloads") / f"{kept.sha256}.json"
        unfinished = target.with_suffix(".unfinished")
        unfinished.write_bytes(msgspec.json.encode(kept))
        _put(unfinished, target)

    def writing(self, sha256: str) -> "Writing":
        """Parts of a payload, to be written. Raises PackageMissing."""
        return Writing(self._at("tables"), sha256)

    def parts(self, table: str, kept: Iterable[Kept]) -> list[str]:
        """The files that have these payloads' rows of a table."""
        tables = self._at("tables")
        return [str(tables / part) for each in kept for part in each.parts if part.startswith(f"{table}/")]

    def _at(self, name: str) -> Path:
        directory = self.directory / name
        directory.mkdir(parents=True, exist_ok=True)
        return directory


class Writing:
    """A payload's rows, as they come; sorted and written by table and month."""

    def __init__(self, tables: Path, sha256: str) -> None:
        self._tables, self._sha256 = tables, sha256
        self._arrow = pyarrow_()
        self._waiting: dict[str, list[Row]] = {}
        self._parts: list[str] = []
        self.rows: dict[str, int] = {}

    def add(self, row: Row) -> None:
        """One more."""
        waiting = self._waiting.setdefault(NAMES[type(row)], [])
        waiting.append(row)
        if len(waiting) >= _ROW_GROUP:
            self._flush(NAMES[type(row)])

    def finish(self) -> tuple[str, ...]:
        """All parts, whole and on the disk."""
        for name in self._waiting:
            self._flush(name)
        return tuple(self._parts)

    def _flush(self, name: str) -> None:
        rows, self._waiting[name] = self._waiting[name], []
        self.rows[name] = self.rows.get(name, 0) + len(rows)
        months: dict[str, list[Row]] = {}
        table = TABLES[name]
        for row in rows:
            months.setdefault("all" if table.month is None else f"{getattr(row, table.month):%Y-%m}", []).append(row)
        for month, part in months.items():
            self._write(name, table, month, part)

    def _write(self, name: str, table: Table, month: str, rows: Iterable[Row]) -> None:
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        arrow = self._arrow
        schema = arrow.schema([(each, getattr(arrow, _ARROW[kind])()) for each, kind in table.columns.items()])
        columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True))  # Any: texts, numbers, days and None
        arrays = [arrow.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
        written = arrow.Table.from_arrays(arrays, schema=schema).sort_by([(each, "ascending") for each in table.key])
        source = columns[-2][0]
        part = f"{name}/source={source}/month={month}/{self._sha256}-{len(self._parts)}.parquet"
        target = self._tables / part
        target.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(written, target, compression="zstd")
        _sync(target)
        self._parts.append(part)


def _put(unfinished: Path, target: Path) -> None:
    _sync(unfinished)
    unfinished.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
