"""What a sync makes of the parts so that figures over hundreds of millions of counters are quick: SQL of DuckDB.

```
made/merged/TABLE/source=S/month=M/DIGEST.parquet     a month's rows in force, where payloads overlap, sorted by key
made/standing/source=S/month=M/DIGEST.parquet         by model the newest counter up to the month's end
made/publishers/source=S/month=M/DIGEST.parquet       the same, added up by publisher
```

A counter is cumulative, so its newest reading is all that a figure on a day needs; and `gained`, what it grew by since
it was first read, has the difference between any two days without the readings between them. Each month's standing is
that of the month before and the month's rows, so a daily update reads one month. A file's name says of which parts it
was made; one of other parts is not read, and taken away by `make`. So are the parts of a month that was merged an hour
ago or more, of tables of which nobody asks what is no longer in force: their rows lie in the merged file, and as they
came in the raw payloads (`sync.restore`).
"""

# ruff: noqa: S608 - of our own columns; paths, sources and days are quoted

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from weighbridge.errors import MarketError
from weighbridge.market.connection import connected, quoted
from weighbridge.market.parts import Part, Parts, digest, overlapping, put
from weighbridge.market.tables import TABLES

if TYPE_CHECKING:
    import duckdb

STANDING: Final[Mapping[str, str]] = {
    "model": "string",
    "day": "date",
    "in_all": "int64",
    "gained": "int64",
    "source": "string",
}
PUBLISHER_MONTHS: Final[Mapping[str, str]] = {
    "source": "string",
    "month": "string",
    "publisher": "string",
    "models": "int64",
    "in_all": "int64",
    "gained": "int64",
}
_MEMORY: Final = "400MB"
"""Three gigabytes are a tenth quicker; an import is to keep within one."""
_LEAST: Final = 2**24
_MANY: Final = 32
"""Parts of a month that must be searched: a series that is had anew each day has hundreds of them in a year."""
_READ_STILL: Final = 3600
"""Seconds in which somebody may still read what is no longer wanted."""
_ALL_ASKED_FOR: Final = frozenset({"price"})
"""Tables of which what is no longer in force is a figure too (`every`)."""


def in_force(parts: Parts) -> str:
    """The rows in force, as a query. Raises MarketError where files are gone."""
    plain, searched = parts.split()
    columns = ", ".join(f'"{column}"' for column in TABLES[parts.table].columns)
    queries = [f"SELECT {columns} FROM {_read(plain)}"] if plain else []
    if searched:
        queries.append(f"SELECT {columns} FROM ({_newest(parts.table, searched)})")
    return " UNION ALL ".join(queries)


def every(parts: Parts) -> str:
    """All rows, those that are no longer in force too, as a query."""
    columns = ", ".join(f'"{column}"' for column in TABLES[parts.table].columns)
    return f"SELECT {columns} FROM {_read([part.path for part in parts.parts])}"


def standing(parts: Parts, last: date, *, grown: bool = True) -> str:
    """By source and model the newest counter up to a day, as a query of the columns of STANDING.

    Without what it gained, in the middle of a month, it is there in a third of the time.
    """
    queries = []
    for source in sorted({part.source for part in parts.parts}):
        own = _of(parts, source, last)
        if not own:
            continue
        chain = _chain(own)
        whole = [month for month in own if max(part.days[1] for part in own[month]) <= last]
        there = [month for month in whole if _file(parts, "standing", source, month, chain[month]).exists()]
        before = _file(parts, "standing", source, there[-1], chain[there[-1]]) if there else None
        rest = tuple(part for month in own if not there or month > there[-1] for part in own[month])
        stood = _stood(replace(parts, parts=rest), before, last, grown=grown)
        queries.append(f"SELECT *, {quoted(source)} AS source FROM ({stood})")
    nothing = "SELECT '' AS model, DATE '2000-01-01' AS day, 0::BIGINT AS in_all, 0::BIGINT AS gained, '' AS source"
    return " UNION ALL ".join(queries) or f"{nothing} WHERE false"


def gained(parts: Parts, since: date, until: date) -> str:
    """By source and model what its counter grew by from a day to another, as a query."""
    return f"""
        SELECT source, model, (sum(gained))::BIGINT AS gained FROM (
            SELECT source, model, gained FROM ({standing(parts, until)})
            UNION ALL SELECT source, model, -gained FROM ({standing(parts, since)})
        ) GROUP BY source, model
    """


def within(parts: Parts, spans: Mapping[str, tuple[date, date]]) -> str:
    """By model its newest counter in days of its own, both counted in, as a query of model and in_all.

    A file is asked only of the models whose days are in it: it is sorted, and a few of its row groups are read.
    """
    queries = []
    for each in parts.months().values():
        for files in _apart(parts.pieces(each)):
            first, last = min(part.days[0] for part in files), max(part.days[1] for part in files)
            asked = {model: span for model, span in spans.items() if span[0] <= last and first <= span[1]}
            if asked:
                cells = ", ".join(f"({quoted(name)}, DATE '{a}', DATE '{z}')" for name, (a, z) in asked.items())
                queries.append(
                    f"SELECT model, day, in_all FROM ({in_force(replace(parts, parts=tuple(files)))}) "
                    f"JOIN (VALUES {cells}) AS asked (name, a, z) ON model = name AND day BETWEEN a AND z "
                    f"WHERE in_all IS NOT NULL AND model IN ({', '.join(map(quoted, asked))})"
                )
    nothing = "SELECT '' AS model, DATE '2000-01-01' AS day, 0::BIGINT AS in_all WHERE false"
    return (
        f"SELECT model, arg_max(in_all, day) AS in_all FROM ({' UNION ALL '.join(queries) or nothing}) GROUP BY model"
    )


def _apart(pieces: Sequence[Part]) -> list[list[Part]]:
    """A month's files, those together in which the row in force must be searched."""
    groups = overlapping(pieces)
    together = {part.path for group in groups for part in group}
    return [*groups, *([part] for part in pieces if part.path not in together)]


def publisher_months(parts: Parts) -> str:
    """By source, month and publisher the models, their counters at its end and what they grew by in it, as a query."""
    queries = []
    for source in sorted({part.source for part in parts.parts}):
        own = _of(parts, source, date.max)
        before: str | None = None
        for month, name in _chain(own).items():
            file = _file(parts, "publishers", source, month, name)
            alone = replace(parts, parts=tuple(part for part in parts.parts if part.source == source))
            ended = standing(alone, _end(month))
            made = _all(file) if file.exists() else _publishers(ended, before)
            queries.append(f"SELECT {quoted(source)} AS source, {quoted(month)} AS month, * FROM ({made})")
            before = ended
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in PUBLISHER_MONTHS.items())
    return " UNION ALL ".join(queries) or f"SELECT {columns} WHERE false"


def make(parts: Parts, *, now: datetime, least: int = _LEAST) -> list[Path]:
    """Merge months that need it, roll counters up, and take away what was made of other parts; the files made.

    Of parts of less than `least` bytes in all, and of few that must be searched, nothing is: they are read as quickly.
    What was made of other parts stays for an hour, for who reads it. Raises PackageMissing, OSError.
    """
    if parts.size() < least and parts.together() <= _MANY:
        return []
    made, wanted = [], set()
    with connected(parts.made.with_name("spill"), _MEMORY) as connection:
        for file, query in _wanted(parts):
            wanted.add(file)
            if not file.exists():
                _write(connection, file, query())
                made.append(file)
    _clear(parts, wanted, now)
    return made


def _clear(parts: Parts, wanted: set[Path], now: datetime) -> None:
    """Take away what was made of other parts, and parts that are merged, once nobody reads them any more.

    Whatever is taken away is in a file that was there an hour before: killed at any point, nothing is lost.
    """

    def read_still(file: Path) -> bool:
        return now.timestamp() - file.stat().st_mtime <= _READ_STILL

    if parts.table not in _ALL_ASKED_FOR:
        for month in parts.months().values():
            merged, _ = parts.ahead(month)
            if merged and not read_still(parts.merged(merged)):
                for part in merged:
                    part.path.unlink(missing_ok=True)
    for kind in (f"merged/{parts.table}", *(("standing", "publishers") if parts.table == "downloads" else ())):
        files = [file for file in (parts.made / kind).rglob("*") if file.is_file()]
        fresh = {file.parent for file in files if file in wanted and read_still(file)}
        for file in files:
            if file not in wanted and file.parent not in fresh and not read_still(file):
                file.unlink(missing_ok=True)


def _wanted(parts: Parts) -> Iterator[tuple[Path, Callable[[], str]]]:
    """All files that there should be, in the order of making, each with its query."""
    for together in parts.months().values():
        if overlapping(together):
            yield parts.merged(together), partial(_merged, replace(parts, parts=tuple(together)))
    if parts.table != "downloads":
        return
    for source in sorted({part.source for part in parts.parts}):
        before: Path | None = None
        own = _of(parts, source, date.max)
        for month, name in _chain(own).items():
            file = _file(parts, "standing", source, month, name)
            yield file, partial(_ended, replace(parts, parts=tuple(own[month])), before)
            yield (
                _file(parts, "publishers", source, month, name),
                partial(_publishers, _all(file), None if before is None else _all(before)),
            )
            before = file


def _merged(parts: Parts) -> str:
    order = ", ".join(f'"{column}"' for column in TABLES[parts.table].key)
    return f"{in_force(parts)} ORDER BY {order}"


def _ended(parts: Parts, before: Path | None) -> str:
    return f"{_stood(parts, before, date.max)} ORDER BY model"


def _stood(parts: Parts, before: Path | None, last: date, *, grown: bool = True) -> str:
    """The standing at a month's end, of the one before and rows up to a day."""
    readings = []
    if before is not None:
        readings.append(f"SELECT model, day, in_all, gained FROM {_read([before])}")
    if parts.parts:
        until = "" if last == date.max else f" AND day <= DATE '{last}'"
        readings.append(
            f"SELECT model, day, in_all, NULL::BIGINT AS gained FROM ({in_force(parts)}) "
            f"WHERE in_all IS NOT NULL{until}"
        )
    if not parts.parts:
        return readings[0]
    if not grown:
        newest = "max(day) AS day, arg_max(in_all, day) AS in_all, NULL::BIGINT AS gained"
        return f"SELECT model, {newest} FROM ({' UNION ALL '.join(readings)}) GROUP BY model"
    return f"""
        SELECT model, max(day) AS day, arg_max(in_all, day) AS in_all,
               (max(coalesce(gained, 0)) + sum(CASE WHEN gained IS NULL THEN greatest(in_all - before, 0) ELSE 0 END))
                   ::BIGINT AS gained
        FROM (
            SELECT *, lag(in_all) OVER (PARTITION BY model ORDER BY day) AS before
            FROM ({" UNION ALL ".join(readings)})
        ) GROUP BY model
    """


def _publishers(ended: str, before: str | None) -> str:
    """By publisher, of the standings at a month's end and at its beginning."""
    queries = [
        f"""
        SELECT split_part(model, '/', 1) AS publisher, {count} AS models, {in_all} AS in_all,
               sum({sign}gained) AS gained
        FROM ({standing}) GROUP BY publisher
        """
        for standing, count, in_all, sign in ((ended, "count(*)", "sum(in_all)", ""), (before, "0", "0", "-"))
        if standing is not None
    ]
    return f"""
        SELECT publisher, sum(models)::BIGINT AS models, sum(in_all)::BIGINT AS in_all, sum(gained)::BIGINT AS gained
        FROM ({" UNION ALL ".join(queries)}) GROUP BY publisher ORDER BY publisher
    """


def _end(month: str) -> date:
    return (date.fromisoformat(f"{month}-01") + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _newest(table: str, parts: Sequence[Part]) -> str:
    key = ", ".join(f'"{column}"' for column in ("source", *TABLES[table].key))
    place = " ".join(f"WHEN {quoted(str(part.path))} THEN {part.taken}" for part in parts)
    paths = [part.path for part in parts]
    return f"""
        SELECT *, CASE filename {place} END AS taken FROM {_read(paths, ", filename = true")}
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY as_of DESC, taken DESC) = 1
    """


def _of(parts: Parts, source: str, last: date) -> dict[str, list[Part]]:
    """A source's months in their order, whole, that begin by a day: what is merged is found by all of its parts."""
    months = parts.months()
    return {
        month: each
        for (of, month), each in months.items()
        if of == source and any(part.days[0] <= last for part in each)
    }


def _chain(months: Mapping[str, Sequence[Part]]) -> dict[str, str]:
    """By month the name of all parts up to its end."""
    names: dict[str, str] = {}
    before = ""
    for month, each in months.items():
        before = names[month] = digest(each, before)
    return names


def _file(parts: Parts, kind: str, source: str, month: str, name: str) -> Path:
    return parts.made / kind / f"source={source}" / f"month={month}" / f"{name}.parquet"


def _write(connection: "duckdb.DuckDBPyConnection", file: Path, query: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    connection.execute(f"COPY ({query}) TO {quoted(str(unfinished))} (FORMAT parquet, COMPRESSION zstd)")
    put(unfinished, file)


def _read(files: Sequence[Path], options: str = "") -> str:
    if lost := [file for file in files if not file.exists()]:
        raise MarketError(f"{lost[0]} is gone; weighbridge market sync reads it again from the raw payload")
    return f"read_parquet([{', '.join(quoted(str(file)) for file in files)}], hive_partitioning = false{options})"


def _all(file: Path) -> str:
    return f"SELECT * FROM {_read([file])}"
