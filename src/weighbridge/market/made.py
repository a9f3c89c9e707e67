"""What a sync makes of the parts so that figures over hundreds of millions of counters are quick: SQL of DuckDB.

```
made/merged/TABLE/source=S/month=M/DIGEST.parquet     a month's rows in force, where payloads overlap, sorted by key
made/standing/source=S/month=M/DIGEST.parquet         by model the newest counter up to the month's end
made/publishers/source=S/month=M/DIGEST.parquet       the same, added up by publisher
```

A counter is cumulative, so its newest reading is all that a figure on a day needs; and `gained`, what it grew by since
it was first read, has the difference between any two days without the readings between them. Each month's standing is
that of the month before and the month's rows, so a daily update reads one month. A file's name says of which parts it
was made; one of other parts is not read, and taken away by `make`.
"""

# ruff: noqa: S608 - of our own columns; paths, sources and days are quoted

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.parts import Part, Parts, digest, overlapping
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
_READ_STILL: Final = 3600
"""Seconds."""


def in_force(parts: Parts) -> str:
    """The rows in force, as a query."""
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
        queries.append(f"SELECT *, {_text(source)} AS source FROM ({stood})")
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
            queries.append(f"SELECT {_text(source)} AS source, {_text(month)} AS month, * FROM ({made})")
            before = ended
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in PUBLISHER_MONTHS.items())
    return " UNION ALL ".join(queries) or f"SELECT {columns} WHERE false"


def make(parts: Parts, *, now: datetime, least: int = _LEAST) -> list[Path]:
    """Merge months that need it, roll counters up, and take away what was made of other parts; the files made.

    Of parts of less than `least` bytes in all, nothing is: they are read as quickly. What was made of other parts stays
    for an hour, for who reads it. Raises PackageMissing, OSError.
    """
    if sum(part.path.stat().st_size for part in parts.parts) < least:
        return []
    made, wanted = [], set()
    with connected(parts.made / "spill") as connection:
        for file, query in _wanted(parts):
            wanted.add(file)
            if not file.exists():
                _write(connection, file, query())
                made.append(file)
    for kind in (f"merged/{parts.table}", *(("standing", "publishers") if parts.table == "downloads" else ())):
        for old in [file for file in (parts.made / kind).rglob("*") if file.is_file() and file not in wanted]:
            if now.timestamp() - old.stat().st_mtime > _READ_STILL:
                old.unlink(missing_ok=True)
    return made


def connected(spill: Path, memory: str = _MEMORY) -> "duckdb.DuckDBPyConnection":
    """A connection that keeps within its memory, and puts what is more into a directory. Raises PackageMissing."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("counters are rolled up by DuckDB: pip install 'weighbridge[analysis]'") from error
    connection = duckdb.connect()
    connection.execute(
        f"SET enable_progress_bar = false; SET memory_limit = {_text(memory)}; SET temp_directory = {_text(str(spill))}"
    )
    return connection


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
    place = " ".join(f"WHEN {_text(str(part.path))} THEN {part.taken}" for part in parts)
    paths = [part.path for part in parts]
    return f"""
        SELECT *, CASE filename {place} END AS taken FROM {_read(paths, ", filename = true")}
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY as_of DESC, taken DESC) = 1
    """


def _of(parts: Parts, source: str, last: date) -> dict[str, list[Part]]:
    """A source's months in their order, of parts that begin by a day."""
    months = parts.months()
    found = {
        month: [part for part in months[of, month] if part.days[0] <= last] for of, month in months if of == source
    }
    return {month: each for month, each in found.items() if each}


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
    connection.execute(f"COPY ({query}) TO {_text(str(unfinished))} (FORMAT parquet, COMPRESSION zstd)")
    unfinished.rename(file)


def _read(files: Sequence[Path], options: str = "") -> str:
    return f"read_parquet([{', '.join(_text(str(file)) for file in files)}], hive_partitioning = false{options})"


def _all(file: Path) -> str:
    return f"SELECT * FROM {_read([file])}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
