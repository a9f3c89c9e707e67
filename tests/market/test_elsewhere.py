"""The same recipes on ClickHouse and on Spark come to what DuckDB comes to; where one of them is installed."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from tests.market.conftest import NOW, real, taken
from tests.market.recipes.measures.test_downloads import counter, keep
from tests.market.test_figures import FILES
from weighbridge.errors import MarketError
from weighbridge.market.elsewhere import Elsewhere, measured
from weighbridge.market.engine import Dialect
from weighbridge.market.recipes.figure import figure
from weighbridge.market.recipes.measures.measure import Measured
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.store import Store
from weighbridge.market.sync import take_installed
from weighbridge.market.tables import TABLES, Edge, Model

DAYS = [date(2025, 2, 28), date(2025, 6, 1), date(2025, 8, 31)]
HUB = "hub-snapshots"


def clickhouse(store: Store) -> Elsewhere:
    """chdb, which is ClickHouse in this process, with views over the store's parts."""
    chdb = import_module("chdb.session")
    session = chdb.Session()
    session.query("SET use_hive_partitioning = 0")  # `month=…` of a path is no column
    for name, table in TABLES.items():
        files = store.directory / "tables" / name
        columns = ", ".join(f"`{column}`" for column in table.columns)
        if files.exists():
            session.query(f"CREATE VIEW `{name}` AS SELECT {columns} FROM file('{files}/**/*.parquet', Parquet)")
        else:
            kinds = {str: "String", int: "Int64", float: "Float64", bool: "Bool", date: "Date32"}
            said = ", ".join(f"`{column}` Nullable({kinds[kind]})" for column, kind in table.columns.items())
            session.query(f"CREATE TABLE `{name}` ({said}) ENGINE = Memory")

    def run(sql: str) -> Sequence[Mapping[str, Any]]:
        import pyarrow  # noqa: PLC0415

        answer = session.query(f"{sql} SETTINGS join_use_nulls = 1, output_format_arrow_string_as_string = 1", "Arrow")
        found: list[dict[str, Any]] = pyarrow.ipc.open_file(answer.bytes()).read_all().to_pylist()
        return found

    return Elsewhere("clickhouse", run)


def spark(store: Store) -> Elsewhere:
    """A session of Spark on this machine, with views over the store's parts."""
    sql = import_module("pyspark.sql")
    settings = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    settings |= {"spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC"}
    builder = sql.SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    for name, table in TABLES.items():
        files = store.directory / "tables" / name
        kinds = {str: "STRING", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", date: "DATE"}
        schema = ", ".join(f"`{column}` {kinds[kind]}" for column, kind in table.columns.items())
        reader = session.read.schema(schema).option("recursiveFileLookup", "true")
        frame = reader.parquet(str(files)) if files.exists() else session.createDataFrame([], schema)
        frame.createOrReplaceTempView(name)
    return Elsewhere("pyspark", lambda query: [row.asDict() for row in session.sql(query).collect()])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Real files where they are, what is installed, and counters of a small hub."""
    store = Store(tmp_path_factory.mktemp("elsewhere") / "market")
    rows: list[Any] = [
        counter(model, day, count)
        for model, counts in {"Qwen/A": (5, 9, 60), "google/B": (7, 6, 8), "shop/of-A": (0, 3, 40)}.items()
        for day, count in zip(DAYS, counts, strict=True)
    ]
    rows.append(Edge("shop/of-A", "Qwen/A", "quantized", HUB, DAYS[-1]))
    rows += [
        Model(name, None, DAYS[0], None, "license:mit", size, None, "text-generation", HUB, DAYS[-1])
        for name, size in (("Qwen/A", 7 * 10**9), ("shop/of-A", 10**9))
    ]
    keep(store, HUB, rows)
    take_installed(store, now=NOW)
    for files in FILES.values():
        for file in files:
            path = real(file)
            if path.stat().st_size < 1 << 20:
                taken(store, path)
    return store


def here(package: str, engine: Callable[[Store], Elsewhere]) -> ParameterSet:
    """Skipped before anything is taken in, where the engine is not installed."""
    return pytest.param(engine, marks=pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not here"))


@pytest.mark.timeout(900)  # Spark is slow to begin each question
@pytest.mark.parametrize("engine", [here("chdb", clickhouse), here("pyspark", spark)])
def test_every_recipe_comes_to_the_same(engine: Callable[[Store], Elsewhere], filled: Store) -> None:
    there = engine(filled)
    compared = []
    for name in recipes():
        try:
            own = figure(filled, name).measured
        except MarketError:  # no file of it here
            continue
        assert plain(measured(name, there)) == plain(own), name
        compared.append(name)
    assert len(compared) > 20


@pytest.mark.parametrize("dialect", ["clickhouse", "pyspark"])
def test_what_is_asked_elsewhere_is_written_in_its_words(dialect: Dialect) -> None:
    asked: list[str] = []

    def run(sql: str) -> Sequence[Mapping[str, Any]]:
        asked.append(sql)
        return []

    there = Elsewhere(dialect, run)
    with pytest.raises(NotImplementedError):
        there.publisher_months()
    measured("download-share-study", there)
    written = {"clickhouse": "argMax(", "pyspark": "MAX_BY("}[dialect]
    assert any(written in sql and "ROW_NUMBER()" in sql.upper() for sql in asked)
    assert all("'hub-snapshots'" in sql or "edge" in sql for sql in asked if "downloads" in sql)


def plain(found: Measured) -> object:
    """Without the last digits of floats, and the order of lines that are equal."""
    rows = sorted(json.dumps([_plain(cell) for cell in row]) for row in found.rows)
    return [(each.name, _plain(each.value)) for each in found.values], found.columns, rows, _plain(found.unmatched)


def _plain(cell: object) -> object:
    return float(f"{cell:.9g}") if isinstance(cell, float) else cell
