"""The same recipes on another engine: ClickHouse or Spark, over tables that have our tables' names and columns.

Whoever tracks the whole hub daily has them there (the parts of `tables/` are Parquet, which both read). Nothing of the
store's layout is known here: what is in force and how counters stand is asked in Ibis too, and `run` asks the engine.
ClickHouse must be told `join_use_nulls = 1`: else what a join does not find is nothing rather than unknown. Of rows of
one source, key and day of publication one is in force, whichever the engine comes to first.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.engine import IBIS, Dialect, Engine
from weighbridge.market.identity.book import book
from weighbridge.market.parts import Parts
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.measures.measure import Ask, Measured
from weighbridge.market.recipes.recipe import recipe
from weighbridge.market.tables import TABLES

if TYPE_CHECKING:
    import ibis

Run = Callable[[str], Sequence[Mapping[str, Any]]]  # Any: texts, numbers, days and None
"""Asks an engine, and gives its rows by column."""
_NONE: Final = Path()


def measured(name: str, elsewhere: "Elsewhere", change: Mapping[str, str | int | None] | None = None) -> Measured:
    """A figure's values and table, worked out there, from its sources only. Raises MarketError, PackageMissing."""
    wanted = recipe(name)
    measure, choices = MEASURES[wanted.measure], wanted.chosen(change or {})
    measure.check(choices)
    elsewhere.sources = wanted.sources
    tables = {each: elsewhere.table(each, Parts(each, (), _NONE)) for each in measure.tables}
    return measure.of(elsewhere, tables, Ask(choices, book(), wanted.scheme))


class Elsewhere(Engine):
    """An engine that has the tables. Raises PackageMissing."""

    def __init__(self, dialect: Dialect, run: Run, sources: Sequence[str] = ()) -> None:
        try:
            import ibis  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise PackageMissing("recipes are written in Ibis: pip install 'weighbridge[analysis]'") from error
        self._ibis: Any = ibis  # a module without types
        if dialect == "pyspark" and ibis.options.pyspark is None:  # set by a backend of Ibis, which wants pandas

            class _Spark(ibis.config.Config):  # type: ignore[misc]  # Ibis has no types
                treat_nan_as_null: bool = False

            ibis.options.pyspark = _Spark()
        self._dialect, self._run = dialect, run
        self.sources = sources
        """Only their rows are read; all, where there are none."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whoever opened the engine closes it."""

    def table(self, name: str, parts: Parts) -> "ibis.Table":
        every = self.every(name)
        key = [every[column] for column in ("source", *TABLES[name].key)]
        newest = self._ibis.window(group_by=key, order_by=every.as_of.desc())
        placed = every.mutate(place_of_row=self._ibis.row_number().over(newest))
        return placed.filter(placed.place_of_row == 0).drop("place_of_row")

    def every(self, name: str) -> "ibis.Table":
        table = self._ibis.table({column: IBIS[kind] for column, kind in TABLES[name].columns.items()}, name=name)
        return table.filter(table.source.isin(self.sources)) if self.sources else table

    def standing(self, last: date) -> "ibis.Table":
        read = self._readings()
        until = read.filter(read.day <= last)
        newest = until.group_by("source", "model").aggregate(
            stood=until.day.max(), in_all=until.in_all.argmax(until.day)
        )
        return newest.select("model", "in_all", "source", day="stood")

    def gained(self, since: date, until: date) -> "ibis.Table":
        read = self._readings()
        past = self._ibis.window(group_by=[read.source, read.model], order_by=read.day)
        grown = read.mutate(before=read.in_all.lag().over(past))
        grown = grown.filter(grown.day > since, grown.day <= until)
        step = self._ibis.greatest(grown.in_all - grown.before, 0)
        return grown.group_by("source", "model").aggregate(gained=step.sum().coalesce(0))

    def within(self, spans: Mapping[str, tuple[date, date]]) -> "ibis.Table":
        """By model its newest counter in days of its own, both counted in."""
        said = sorted((model, f"{first}", f"{last}") for model, (first, last) in spans.items())
        own = self.texts("spans", ("named", "first", "last"), said)
        read = self._readings()
        joined = read.inner_join(own, read.model == own.named)
        there = joined.filter(joined.day.between(joined.first.cast("date"), joined.last.cast("date")))
        return there.group_by("model").aggregate(in_all=there.in_all.argmax(there.day))

    def publisher_months(self) -> "ibis.Table":
        raise NotImplementedError("roll-ups are those of a store; ask an engine elsewhere for the rows")

    def texts(self, name: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> "ibis.Table":
        handed = [self._ibis.struct(dict(zip(columns, row, strict=True))) for row in rows]
        if not handed:
            empty = self._ibis.struct(dict.fromkeys(columns, ""))
            return self._unpacked([empty], columns).filter(self._ibis.literal(False))
        return self._unpacked(handed, columns)

    def rows(self, expression: "ibis.Table") -> list[dict[str, Any]]:  # Any: as above
        return [dict(row) for row in self._run(self.sql(expression, self._dialect))]

    def _unpacked(self, structs: Sequence[Any], columns: Sequence[str]) -> "ibis.Table":
        row = self._ibis.array(list(structs)).unnest().name("handed").as_table()
        return row.select(**{column: row.handed[column] for column in columns})

    def _readings(self) -> "ibis.Table":
        table = self.table("downloads", Parts("downloads", (), _NONE))
        return table.filter(table.in_all.notnull())
