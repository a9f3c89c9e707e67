"""Where measures are worked out: expressions of Ibis become the SQL of an engine, DuckDB here.

Ibis only writes the SQL, so that DuckDB needs no pandas, and so that `sql` gives the same question for ClickHouse or
Spark over tables of the same columns.
"""

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

from weighbridge.ledger.tabular import PackageMissing, pyarrow_
from weighbridge.market.connection import connected
from weighbridge.market.made import (
    PUBLISHER_MONTHS,
    STANDING,
    every,
    gained,
    in_force,
    publisher_months,
    standing,
    within,
)
from weighbridge.market.parts import Parts
from weighbridge.market.tables import TABLES

if TYPE_CHECKING:
    import ibis

Dialect = Literal["duckdb", "clickhouse", "pyspark"]
IBIS: Final[Mapping[type, str]] = {str: "string", int: "int64", float: "float64", bool: "boolean", date: "date"}


def prepare() -> None:
    """Load what the first engine of a process would: half a second. Raises PackageMissing."""
    _ibis()
    with suppress(ImportError):
        importlib.import_module("ibis.backends.sql.compilers.duckdb")


def _ibis() -> Any:  # noqa: ANN401 - a module without types
    try:
        return importlib.import_module("ibis")  # an extra
    except ImportError as error:
        raise PackageMissing("figures are worked out by DuckDB: pip install 'weighbridge[analysis]'") from error


class Engine(AbstractContextManager["Engine"]):
    """DuckDB over a store's parts, while it is entered; `spill` is for what does not fit into memory.

    Raises PackageMissing, OSError.
    """

    def __init__(self, spill: Path, memory: str | None = None) -> None:
        self._ibis = _ibis()
        self._open = ExitStack()
        self._connection = self._open.enter_context(connected(spill, memory))
        self._parts: dict[str, Parts] = {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def table(self, name: str, parts: Parts) -> "ibis.Table":
        """The rows of a table that are in force: of one source and key, the newest `as_of`, then the last taken."""
        columns = {column: IBIS[kind] for column, kind in TABLES[name].columns.items()}
        if parts.parts:
            self._connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {in_force(parts)}')
        else:
            self._given(name, columns, [])
        self._parts[name] = parts
        return self._ibis.table(columns, name=name)

    def every(self, name: str) -> "ibis.Table":
        """All rows of a table that was asked for, those too that are no longer in force."""
        columns = {column: IBIS[kind] for column, kind in TABLES[name].columns.items()}
        parts = self._parts[name]
        return self._made(f"every_{name}", every(parts), columns) if parts.parts else self._ibis.table(columns, name)

    def standing(self, last: date) -> "ibis.Table":
        """Of each source and model the newest counter up to a day; the table of downloads must have been asked for."""
        query = standing(self._parts["downloads"], last, grown=False)
        columns = {name: kind for name, kind in STANDING.items() if name != "gained"}
        return self._made(f"standing_{last:%Y%m%d}", query, STANDING).select(*columns)

    def gained(self, since: date, until: date) -> "ibis.Table":
        """By source and model what its counter grew by from one day's reading to the other's, never less than nothing.

        A model that was first read in between has grown since then; days in which a counter went backwards add
        nothing.
        """
        query = gained(self._parts["downloads"], since, until)
        columns = {"source": "string", "model": "string", "gained": "int64"}
        return self._made(f"gained_{since:%Y%m%d}_{until:%Y%m%d}", query, columns)

    def within(self, spans: Mapping[str, tuple[date, date]]) -> "ibis.Table":
        """By model its newest counter in days of its own, both counted in; of few models, out of millions."""
        return self._made("within", within(self._parts["downloads"], spans), {"model": "string", "in_all": "int64"})

    def publisher_months(self) -> "ibis.Table":
        """By source, publisher and month: models, their counters at its end, and what they grew by in it."""
        return self._made("publisher_months", publisher_months(self._parts["downloads"]), PUBLISHER_MONTHS)

    def _made(self, name: str, query: str, columns: Mapping[str, str]) -> "ibis.Table":
        self._connection.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
        return self._ibis.table(columns, name=name)

    def texts(self, name: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> "ibis.Table":
        """A small table of texts that is handed in, such as reviewed names."""
        self._given(name, dict.fromkeys(columns, "string"), rows)
        return self._ibis.table(dict.fromkeys(columns, "string"), name=name)

    def rows(self, expression: "ibis.Table") -> list[dict[str, Any]]:  # Any: texts, numbers, days and None
        """What an expression comes to, by column."""
        found = self._connection.execute(self.sql(expression))
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    def sql(self, expression: "ibis.Table", dialect: Dialect = "duckdb") -> str:
        """The same as SQL, for an engine that has the tables."""
        written: str = self._ibis.to_sql(expression, dialect=dialect)
        return written

    def _given(self, name: str, columns: Mapping[str, str], rows: Sequence[tuple[str, ...]]) -> None:
        arrow = pyarrow_()
        types = {"string": "string", "int64": "int64", "float64": "float64", "boolean": "bool_", "date": "date32"}
        schema = arrow.schema([(column, getattr(arrow, types[kind])()) for column, kind in columns.items()])
        cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
        arrays = [arrow.array(each, field.type) for each, field in zip(cells, schema, strict=True)]
        self._connection.from_arrow(arrow.Table.from_arrays(arrays, schema=schema)).create(name)
