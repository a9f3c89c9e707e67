"""What a payload's rows say against those taken before: counters, prices, restated rows, publishers that are gone.

Each finding is of a day or of a table rather than of a row, with how many and the plainest case: millions of counters
that all stood still are one thing to tell. Nothing is changed by it; measures see the rows as they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weighbridge.market.connection import connected
from weighbridge.market.findings import Finding, Kind
from weighbridge.market.tables import TABLES

if TYPE_CHECKING:
    import duckdb

_MOST_TOLD: Final = 50
_MEMORY: Final = "400MB"
"""What is more is spilled to the disk: an import stays below a gigabyte."""
_STALLED: Final = 0.9
"""Of the models that are downloaded at all, how many must stand still for a day to be a stall."""

_STEPS: Final = """
create temp table steps as
select model, day, in_all, last_30_days,
       lag(in_all) over past as before, lag(day) over past as day_before
from (select model, day, arg_max(in_all, as_of) as in_all, arg_max(last_30_days, as_of) as last_30_days
      from series where day >= (select coalesce(max(day), date '0001-01-01') from own
                                where day < (select min(day) from new))
      group by model, day)
window past as (partition by model order by day)"""
_BACKWARDS: Final = """
select day, count(*) as models, arg_max(model, before - in_all) as model,
       arg_max(before, before - in_all) as before, arg_max(in_all, before - in_all) as after
from steps where in_all < before and day in (select distinct day from new) group by day order by day"""
_STILL: Final = """
select day, count(*) as models, count(*) filter (in_all = before) as still, min(day_before) as day_before,
       count(*) filter (in_all = before and last_30_days > 0) as active_still,
       count(*) filter (last_30_days > 0) as active
from steps where before is not null and day in (select distinct day from new)
group by day having models > 1 order by day"""
_DAYS: Final = "select distinct day from series order by day"
_GONE: Final = """
with last as (select max(day) as day from old where day < (select min(day) from new)),
     there as (select split_part(model, '/', 1) as publisher, sum(coalesce(last_30_days, 0)) as downloads
               from old where day = (select day from last) and contains(model, '/') group by publisher)
select count(*) as publishers, arg_max(publisher, downloads) as publisher, max(downloads) as downloads
from there where publisher not in (select split_part(model, '/', 1) from new)"""
_PRICES: Final = """
with named as (
  select source, provider, as_of, since, input, output,
         case when starts_with(model, provider || '/') then substr(model, length(provider) + 2) else model end as model
  from {view} where tier = 'base' and coalesce(input, output) is not null),
     newest as (select distinct on (source, provider, model) *
                from named order by source, provider, model, as_of desc, since desc nulls last)
select source, provider, model, as_of, input, output from newest"""
_CONTRADICTORY: Final = """
select a.provider, a.model, a.source as one, b.source as other, a.as_of as one_day, b.as_of as other_day,
       a.input as one_input, b.input as other_input, a.output as one_output, b.output as other_output,
       greatest(a.input::double / nullif(b.input::double, 0), b.input::double / nullif(a.input::double, 0),
                a.output::double / nullif(b.output::double, 0), b.output::double / nullif(a.output::double, 0)) as times
from ({new}) a join ({old}) b using (provider, model)
where a.source <> b.source and (a.input <> b.input or a.output <> b.output)
order by times desc nulls last, a.model, b.source"""


def against(
    before: Mapping[str, Sequence[str]], parts: Mapping[str, Sequence[str]], source: str, spill: Path
) -> Iterator[Finding]:
    """Findings of new parts, by table, against those of payloads before. Raises PackageMissing, OSError."""
    for table, files in parts.items():
        with connected(spill, _MEMORY) as connection:
            _view(connection, "new", table, files)
            _view(connection, "old", table, before.get(table, ()))
            connection.execute(f"create temp view own as select * from old where source = '{source}'")  # noqa: S608 - ours
            if before.get(table):
                yield from _restated(connection, table)
            if table in _CHECKS:
                yield from _CHECKS[table](connection)


def _view(connection: "duckdb.DuckDBPyConnection", name: str, table: str, files: Sequence[str]) -> None:
    if files:
        connection.read_parquet(list(files), hive_partitioning=False).create_view(name)
        return
    kinds = {str: "varchar", int: "bigint", float: "double", bool: "boolean"}
    columns = ", ".join(f"{each} {kinds.get(kind, 'date')}" for each, kind in TABLES[table].columns.items())
    connection.execute(f"create temp table {name} ({columns})")


def _restated(connection: "duckdb.DuckDBPyConnection", table: str) -> Iterator[Finding]:
    key, columns = TABLES[table].key, TABLES[table].columns
    same = " and ".join(f"n.{each} is not distinct from o.{each}" for each in key)
    others = [each for each in columns if each not in (*key, "source", "as_of")]
    differs = " or ".join(f"n.{each} is distinct from o.{each}" for each in others) or "false"
    month = TABLES[table].month
    days = f"where {month} in (select distinct {month} from new)" if month else ""  # noqa: S608 - names of ours
    names = ", ".join(key)
    found = _rows(
        connection,
        f"select count(*) as rows, any_value(n.{key[0]}) as one from new n join "  # noqa: S608 - as above
        f"(select distinct on ({names}) * from own {days} order by {names}, as_of desc) o on {same} where {differs}",
    )[0]
    if found["rows"]:
        yield Finding(kind="restated", subject=table, said=f"{found['rows']} rows, such as that of {found['one']!r}")


def _counters(connection: "duckdb.DuckDBPyConnection") -> Iterator[Finding]:
    connection.execute("create temp view series as select * from new union all by name select * from own")
    days = [row["day"].toordinal() for row in _rows(connection, _DAYS)]
    if len(days) < 2:
        return
    connection.execute(_STEPS)
    for row in _rows(connection, _BACKWARDS):
        case = f"{row['model']!r} most, from {row['before']} to {row['after']}"
        yield _of_day("counter-backwards", row, f"of {row['models']} models, {case}")
    for row in _rows(connection, _STILL):
        if row["still"] == row["models"]:
            yield _of_day("duplicate-snapshot", row, f"all {row['models']} counters are those of {row['day_before']}")
        elif row["active"] and row["active_still"] >= _STALLED * row["active"]:
            said = f"{row['active_still']} of {row['active']} models that are downloaded stand where they stood"
            yield _of_day("counter-stalled", row, said)
    yield from _missing(days, connection)
    gone = _rows(connection, _GONE)[0]
    if gone["publishers"]:
        said = f"{gone['publishers']} publishers of the snapshot before, such as {gone['publisher']!r}"
        yield Finding(kind="deleted-organisation", subject="publishers", said=said)


def _missing(days: list[int], connection: "duckdb.DuckDBPyConnection") -> Iterator[Finding]:
    """Days between two of a series, where its steps are shorter elsewhere, and that end in what is new."""
    new = {row["day"].toordinal(): row["day"] for row in _rows(connection, "select distinct day from new")}
    steps = [after - before for before, after in pairwise(days)]
    usual = min(steps, default=0)
    for after, step in zip(days[1:], steps, strict=True):
        if step > usual and after in new:
            said = f"no counters of the {step - usual} days before, where others are {usual} apart"
            yield Finding(kind="gap", subject=f"{new[after]}", said=said)


def _prices(connection: "duckdb.DuckDBPyConnection") -> Iterator[Finding]:
    pair = {name: _PRICES.format(view=name) for name in ("new", "old")}
    rows = _rows(connection, _CONTRADICTORY.format(**pair))
    for row in rows[:_MOST_TOLD]:
        times = "" if row["times"] is None else f", {row['times']:.1f} times"
        one = f"{row['one_input']} and {row['one_output']} by {row['one']} as of {row['one_day']}"
        other = f"{row['other_input']} and {row['other_output']} by {row['other']} as of {row['other_day']}"
        subject = f"{row['provider']}, {row['model']}"
        yield Finding(kind="contradictory-prices", subject=subject, said=f"{one}, {other}{times}")
    if len(rows) > _MOST_TOLD:
        said = f"{len(rows) - _MOST_TOLD} more, each by less than these"
        yield Finding(kind="contradictory-prices", subject="price", said=said)


def _of_day(kind: Kind, row: Mapping[str, Any], said: str) -> Finding:  # Any: cells
    return Finding(kind=kind, subject=f"{row['day']}", said=said)


def _rows(connection: "duckdb.DuckDBPyConnection", sql: str) -> list[dict[str, Any]]:  # Any: cells
    found = connection.execute(sql)
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


_CHECKS: Final[Mapping[str, Callable[["duckdb.DuckDBPyConnection"], Iterator[Finding]]]] = {
    "downloads": _counters,
    "price": _prices,
}
