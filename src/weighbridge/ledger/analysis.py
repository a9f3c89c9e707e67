"""The same questions, of entries in Parquet files or in an analytical database: the sums, written once with Ibis.

DuckDB answers them here. For a ledger that has outgrown the machine `sql` writes them for PostgreSQL and ClickHouse,
over a table of the files' columns (`parquet.COLUMNS`). Grouping by what is known of models and providers is
`questions.py`'s, as it is for the database.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from weighbridge.ledger.parquet import COLUMNS, IBIS_TYPES
from weighbridge.ledger.questions import Question
from weighbridge.ledger.rollups import hours
from weighbridge.ledger.saved import GIVEN_AGAIN
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.ledger.tally import BOUNDS, BUCKETS, NO_TIMES, Tally, of_numbers

if TYPE_CHECKING:
    import ibis

Dialect = Literal["duckdb", "postgres", "clickhouse"]
TABLE: Final = "entries"

# In the order that Sums has them:
_COUNTS: Final = (
    "requests", "adjustments", "complete", "errors", "estimated", "unpriced", "prompt_tokens", "completion_tokens",
    "cached_tokens", "written_tokens", "reasoning_tokens", "cost",
)  # fmt: skip
_SAVINGS: Final = ("given_again", "saved", "saved_unknown")
_TIMES: Final = ("first_bytes", "first_byte", "duration")
_tags: Final = msgspec.json.Decoder(tuple[str, ...])


def sql(question: Question, dialect: Dialect) -> str:
    """The sums that answer a question, over a table `entries`. Raises PackageMissing."""
    package = _ibis()
    written: str = package.to_sql(expression(question), dialect=dialect)
    return written


def tallies(directory: Path, question: Question) -> list[Tally]:
    """What the files of a directory have, tallied. Raises PackageMissing, FileNotFoundError where there are none."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("Parquet is asked by DuckDB: pip install 'weighbridge[analysis]'") from error
    files = sorted(str(file) for file in directory.glob("entries-*.parquet"))
    if not files:
        raise FileNotFoundError(2, "holds no entries-*.parquet of `weighbridge ledger export`", str(directory))
    query = sql(question, "duckdb")
    with duckdb.connect() as connection:
        connection.read_parquet(files, union_by_name=True).create_view(TABLE)
        rows: Sequence[tuple[Any, ...]] = connection.execute(query).fetchall()
    return list(_read(question, rows))


def expression(question: Question) -> "ibis.Table":
    """The sums, told apart by all columns that the question needs."""
    package = _ibis()
    table = package.table({name: IBIS_TYPES[kind] for name, kind in COLUMNS.items()}, name=TABLE)
    first, end = hours(question.since, question.until)
    if question.since is not None:
        table = table.filter(table.hour >= first)
    if question.until is not None:
        table = table.filter(table.hour < end)
    for column, value in question.only.items():
        table = table.filter(table[column].isnull() if value is None else table[column] == value)
    sums = _sums(table, question)
    groups = {name: _group(package, table, question, name) for name in _groups(question)}
    if not groups:
        return table.aggregate(**sums)
    return table.group_by(**groups).aggregate(**sums)


def _groups(question: Question) -> tuple[str, ...]:
    """What rows are told apart by, in the order of their columns."""
    columns: tuple[str, ...] = question.columns
    if question.savings and "price_id" not in columns:
        columns = (*columns, "price_id")
    if question.grain != "all":
        columns = (*columns, "hour")
    return (*columns, "first_bucket", "took_bucket") if question.latency else columns


def _group(package: Any, table: Any, question: Question, name: str) -> Any:  # noqa: ANN401 - values of Ibis
    ours = table.corrects.isnull()
    if name == "first_bucket":
        return _bucket(package, ours & table.first_byte.notnull(), table.first_byte)
    if name == "took_bucket":
        return _bucket(package, ours, table.duration)
    if name == "hour" and question.grain == "day":
        return table.hour - table.hour % 24
    return table[name]


def _bucket(package: Any, counts: Any, time: Any) -> Any:  # noqa: ANN401 - values of Ibis
    """The number of a time's bucket; -1 where there is none."""
    below = ((time < bound, bucket) for bucket, bound in enumerate(BOUNDS))
    return package.cases((~counts, -1), *below, else_=len(BOUNDS))


def _sums(table: Any, question: Question) -> dict[str, Any]:  # noqa: ANN401 - values of Ibis
    ours = table.corrects.isnull()
    sums = {
        "requests": table.count(where=ours),
        "adjustments": table.count(where=~ours),
        "complete": table.count(where=ours & (table.ending == "complete")),
        "errors": table.count(where=ours & table.ending.isin(("upstream_broke", "refused", "stopped"))),
        "estimated": table.count(where=ours & table.counted_by.isin(("estimate", "bound"))),
        "unpriced": table.count(where=ours & table.prompt_tokens.notnull() & table.cost.isnull()),
        **{name: table[name].sum() for name in _COUNTS if name.endswith("_tokens")},
        "cost": _exact(table.cost),
    }
    if question.savings:
        again = ours & (table.price_id == GIVEN_AGAIN) & (table.ending == "complete")
        sums["given_again"] = table.count(where=again)
        sums["saved"] = _exact(table.saved)
        sums["saved_unknown"] = table.count(where=again & table.saved.isnull())
    if question.latency:
        sums["first_bytes"] = table.count(where=ours & table.first_byte.notnull())
        sums["first_byte"] = table.first_byte.sum(where=ours)
        sums["duration"] = table.duration.sum(where=ours)
    return sums


def _exact(money: Any) -> Any:  # noqa: ANN401 - values of Ibis
    """A sum in 1e-12 dollars may be more than 64 bits hold."""
    return money.cast("decimal(38, 0)").sum()


def _read(question: Question, rows: Sequence[tuple[Any, ...]]) -> Iterator[Tally]:  # Any: texts, numbers and None
    groups = _groups(question)
    for row in rows:
        told = dict(zip(groups, row, strict=False))
        counts = tuple(int(cell or 0) for cell in row[len(groups) :])
        if not question.savings:
            counts = (*counts[: len(_COUNTS)], *(0,) * len(_SAVINGS), *counts[len(_COUNTS) :])
        if question.latency:
            first, took = (_in_bucket(told.pop(name), counts[0]) for name in ("first_bucket", "took_bucket"))
        else:
            counts, first, took = (*counts, *(0,) * len(_TIMES)), NO_TIMES, NO_TIMES
        yield Tally(of_numbers(counts, first, took), **_told(told))


def _told(told: Mapping[str, Any]) -> dict[str, Any]:  # Any: texts and numbers
    tags = told.get("tags")
    return {**told, "tags": () if tags is None else _tags.decode(tags)}


def _in_bucket(bucket: int, requests: int) -> tuple[int, ...]:
    if bucket < 0:
        return NO_TIMES
    return tuple(requests if place == bucket else 0 for place in range(BUCKETS))


def _ibis() -> Any:  # noqa: ANN401 - a module
    try:
        import ibis  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("the questions are written in Ibis: pip install 'weighbridge[analysis]'") from error
    return ibis
