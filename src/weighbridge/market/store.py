"""The market's data directory: raw payloads, tables of Parquet, and what is known of each payload.

```
market/
  raw/SHA256              the payload, byte for byte
  tables/TABLE/source=S/month=2026-08/SHA256.parquet    its rows, sorted by the table's key
  payloads/SHA256.json    who, when, under which licence, how many rows, what was found
  spill/...               what did not fit into memory, of commands under way
  made/...                months that are merged, whose parts then go, and roll-ups (`made.py`); all can be made again
```

The JSON is written last, and only parts of payloads that have one are read: an import that was cut off leaves nothing
that counts, and is done again from its beginning. The same payload is taken once.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.ledger.tabular import pyarrow_
from weighbridge.market.findings import Finding
from weighbridge.market.parts import EVER, Part, Parts, put
from weighbridge.market.tables import NAMES, TABLES, Row, Table

_ROW_GROUP: Final = 200_000
_BULK: Final = 500_000
SEARCHED: Final = 65_536
"""Rows that are read together: they are sorted, so that a few models' are found in a few of many."""
_UNDER_WAY: Final = 86_400
"""Seconds in which an import may still be at it."""
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
    days: dict[str, tuple[date, date]] = {}
    """By file, the first and the last day of its rows; for tables that have days."""


class Store:
    """One such directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into memory; each connection has a directory of its own in it."""
        return self.directory / "spill"

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
            put(unfinished, target)

    def keep(self, kept: Kept) -> None:
        """Have a payload count; its parts are there. Raises OSError."""
        target = self._at("payloads") / f"{kept.sha256}.json"
        unfinished = target.with_suffix(".unfinished")
        unfinished.write_bytes(msgspec.json.encode(kept))
        put(unfinished, target)

    def writing(self, sha256: str) -> "Writing":
        """Parts of a payload, to be written. Raises PackageMissing."""
        return Writing(self._at("tables"), sha256)

    def parts(self, table: str, kept: Iterable[Kept]) -> Parts:
        """The files that have these payloads' rows of a table."""
        tables, found = self._at("tables"), []
        taken = sorted(kept, key=lambda each: (each.taken, each.sha256))
        for place, each in enumerate(taken):
            for name in each.parts:
                if name.startswith(f"{table}/"):
                    month = name.split("/")[2].removeprefix("month=")
                    days = each.days.get(name, EVER)
                    found.append(Part(tables / name, each.source, month, each.sha256, place, days))
        return Parts(table, tuple(found), self.directory / "made")

    def files(self, names: Iterable[str], kept: Iterable[Kept]) -> dict[str, list[str]]:
        """By table the files that have the rows of parts, each once: their own, or those that they are merged into."""
        found: dict[str, set[str]] = {}
        merged: dict[Path, Path] = {}
        every, tables = list(kept), self._at("tables")
        for name in names:
            table, path = name.split("/", maxsplit=1)[0], tables / name
            if not path.exists():
                if path not in merged:
                    parts = self.parts(table, every)
                    for ahead, _ in map(parts.ahead, parts.months().values()):
                        merged |= {part.path: parts.merged(ahead) for part in ahead}
                path = merged.get(path, path)
            found.setdefault(table, set()).add(str(path))
        return {table: sorted(paths) for table, paths in found.items()}

    def raw(self, sha256: str) -> Path:
        """Where a payload lies, as it came."""
        return self._at("raw") / sha256

    def sweep(self, now: datetime) -> list[Path]:
        """Take away what imports left that were cut off a day ago or more; it counted for nothing. Raises OSError."""
        counted = {self._at("tables") / part for each in self.payloads() for part in each.parts}
        litter = [file for file in self._at("tables").rglob("*") if file.is_file() and file not in counted]
        litter += [file for name in ("raw", "payloads") for file in self._at(name).glob("*.unfinished")]
        old = [file for file in litter if now.timestamp() - file.stat().st_mtime > _UNDER_WAY]
        for file in old:
            file.unlink(missing_ok=True)
        left = [each for each in self._at("spill").iterdir() if now.timestamp() - each.stat().st_mtime > _UNDER_WAY]
        for each in left:
            shutil.rmtree(each, ignore_errors=True)
        return old + left

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
        self._bulk: dict[str, list[Any]] = {}  # Any: Arrow tables
        self._parts: list[str] = []
        self.rows: dict[str, int] = {}
        self.days: dict[str, tuple[date, date]] = {}

    def add(self, row: Row) -> None:
        """One more."""
        waiting = self._waiting.setdefault(NAMES[type(row)], [])
        waiting.append(row)
        if len(waiting) >= _ROW_GROUP:
            self._flush(NAMES[type(row)])

    def add_bulk(self, name: str, rows: Any) -> None:  # noqa: ANN401 - an Arrow table
        """Many more, of one table."""
        waiting = self._bulk.setdefault(name, [])
        waiting.append(rows)
        if sum(each.num_rows for each in waiting) >= _BULK:
            self._flush_bulk(name)

    def finish(self) -> tuple[str, ...]:
        """All parts, whole and on the disk."""
        for name in self._waiting:
            self._flush(name)
        for name in self._bulk:
            self._flush_bulk(name)
        return tuple(self._parts)

    def drop(self) -> None:
        """Take back all parts: the payload turned out to be cut off."""
        for part in self._parts:
            (self._tables / part).unlink(missing_ok=True)
        self._parts, self.rows, self.days = [], {}, {}

    def _flush_bulk(self, name: str) -> None:
        waiting, self._bulk[name] = self._bulk[name], []
        if not waiting:
            return
        from pyarrow import compute  # noqa: PLC0415 - an extra

        rows, month = self._arrow.concat_tables(waiting), TABLES[name].month
        self.rows[name] = self.rows.get(name, 0) + rows.num_rows
        if month is None:
            self._put(name, "all", rows)
            return
        months = compute.strftime(rows[month], format="%Y-%m")
        for each in compute.unique(months).to_pylist():
            self._put(name, each, rows.filter(compute.equal(months, each)))

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
        arrow = self._arrow
        schema = arrow.schema([(each, getattr(arrow, _ARROW[kind])()) for each, kind in table.columns.items()])
        columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True))  # Any: texts, numbers, days and None
        arrays = [arrow.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
        self._put(name, month, arrow.Table.from_arrays(arrays, schema=schema))

    def _put(self, name: str, month: str, rows: Any) -> None:  # noqa: ANN401 - an Arrow table
        from pyarrow import compute, parquet  # noqa: PLC0415 - an extra

        written = rows.sort_by([(each, "ascending") for each in TABLES[name].key])
        source = rows["source"][0].as_py()
        part = f"{name}/source={source}/month={month}/{self._sha256}-{len(self._parts)}.parquet"
        target = self._tables / part
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".unfinished")
        parquet.write_table(written, unfinished, compression="zstd", row_group_size=SEARCHED)
        put(unfinished, target)
        self._parts.append(part)
        if (column := TABLES[name].month) is not None:
            days = compute.min_max(rows[column])
            self.days[part] = (days["min"].as_py(), days["max"].as_py())


def beside(kept: Iterable[Kept], source: str, days: Mapping[str, tuple[date, date]]) -> Iterator[str]:
    """Parts that new ones of a source can contradict: of a table with days, those up to two payloads' days away.

    Older counters are not read: a hub's are hundreds of millions, and each was held against its own neighbours.
    """
    dated = {part.split("/", maxsplit=1)[0] for part in days}
    theirs: dict[str, tuple[date, date]] = {}
    for each in kept:
        for part in each.parts:
            table = part.split("/", maxsplit=1)[0]
            if table not in dated or (each.source == source and part not in each.days):
                yield part
            elif each.source == source:
                theirs[part] = each.days[part]
    for table in dated:
        own = [span for part, span in days.items() if part.startswith(f"{table}/")]
        first, last = min(span[0] for span in own), max(span[1] for span in own)
        there = {part: span for part, span in theirs.items() if part.startswith(f"{table}/")}
        earlier = sorted({span[1] for span in there.values() if span[1] < first})[-2:]
        later = sorted({span[0] for span in there.values() if span[0] > last})[:2]
        begin, end = min([first, *earlier]), max([last, *later])
        yield from (part for part, span in there.items() if span[1] >= begin and span[0] <= end)
