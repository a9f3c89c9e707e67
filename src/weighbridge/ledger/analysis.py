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

_TOKENS: Final = ("prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens")
# In the order that Sums has them:
_COUNTS: Final = ("requests", "adjustments", "complete", "errors", "estimated", "unpriced", *_TOKENS, "cost")
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
    return list(read(question, rows))


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
    told = {name: _group(table, question, name) for name in _groups(question)}
    alike = table.group_by(**told, **_deciding(package, table, question)).aggregate(**_summed(table, question))
    sums = _sums(alike, question)
    return alike.group_by(tuple(told)).aggregate(**sums) if told else alike.aggregate(**sums)


def _groups(question: Question) -> tuple[str, ...]:
    """What rows are told apart by, in the order of their columns."""
    columns: tuple[str, ...] = question.columns
    if question.savings and "price_id" not in columns:
        columns = (*columns, "price_id")
    return columns if question.grain == "all" else (*columns, "hour")


def _group(table: Any, question: Question, name: str) -> Any:  # noqa: ANN401 - values of Ibis
    return table.hour - table.hour % 24 if name == "hour" and question.grain == "day" else table[name]


def _deciding(package: Any, table: Any, question: Question) -> dict[str, Any]:  # noqa: ANN401 - values of Ibis
    """What decides how an entry counts."""
    ours = table.corrects.isnull()
    deciding = {"of_ours": ours, "ended": table.ending, "counted": table.counted_by}
    if question.savings:
        deciding["again"] = (table.price_id == GIVEN_AGAIN) & (table.ending == "complete")
    if question.latency:
        deciding["first_bucket"] = _bucket(package, table.first_byte.fill_null(-1))
        deciding["took_bucket"] = _bucket(package, table.duration)
    return deciding


def _bucket(package: Any, time: Any, first: int = 0, last: int = len(BOUNDS)) -> Any:  # noqa: ANN401 - values of Ibis
    """The number of a time's bucket, found by halves; -1 where there is no time."""
    if first == last:
        return package.ifelse(time < 0, -1, 0) if first == 0 else package.literal(first)
    middle = (first + last) // 2
    below, above = _bucket(package, time, first, middle), _bucket(package, time, middle + 1, last)
    return package.ifelse(time < BOUNDS[middle], below, above)


def _summed(table: Any, question: Question) -> dict[str, Any]:  # noqa: ANN401 - values of Ibis
    """Sums over entries that are alike in all that decides how they count: two steps take half the time of one."""
    sums = {
        "entries": table.count(),
        "worked": table.prompt_tokens.count(),
        "priced": table.cost.count(),
        **{name: table[name].sum() for name in _TOKENS},
        "cost": _exact(table.cost),
    }
    if question.latency:
        sums |= {"first_bytes": table.first_byte.count(), **{name: table[name].sum() for name in _TIMES[1:]}}
    if question.savings:
        sums |= {"known": table.saved.count(), "saved": _exact(table.saved)}
    return sums


def _sums(alike: Any, question: Question) -> dict[str, Any]:  # noqa: ANN401 - values of Ibis
    ours = alike.of_ours
    sums = {
        "requests": alike.entries.sum(where=ours),
        "adjustments": alike.entries.sum(where=~ours),
        "complete": alike.entries.sum(where=ours & (alike.ended == "complete")),
        "errors": alike.entries.sum(where=ours & alike.ended.isin(("upstream_broke", "refused", "stopped"))),
        "estimated": alike.entries.sum(where=ours & alike.counted.isin(("estimate", "bound"))),
        "unpriced": (alike.worked - alike.priced).sum(where=ours),  # whatever has a cost has been worked on
        **{name: alike[name].sum() for name in (*_TOKENS, "cost")},
    }
    if question.savings:
        sums["given_again"] = alike.entries.sum(where=ours & alike.again)
        sums["saved"] = alike.saved.sum()
        sums["saved_unknown"] = (alike.entries - alike.known).sum(where=ours & alike.again)
    if question.latency:
        sums |= {name: alike[name].sum(where=ours) for name in _TIMES}
        for time in ("first", "took"):
            bucket = alike[f"{time}_bucket"]
            sums |= {f"{time}_{n}": alike.entries.sum(where=ours & (bucket == n)) for n in range(BUCKETS)}
    return sums


def _exact(money: Any) -> Any:  # noqa: ANN401 - values of Ibis
    """A sum in 1e-12 dollars may be more than 64 bits hold."""
    return money.cast("decimal(38, 0)").sum()


def read(question: Question, rows: Sequence[tuple[Any, ...]]) -> Iterator[Tally]:  # Any: texts, numbers and None
    """The rows that the SQL of a question gives, as tallies."""
    groups = _groups(question)
    for row in rows:
        counts = tuple(int(cell or 0) for cell in row[len(groups) :])
        if not question.savings:
            counts = (*counts[: len(_COUNTS)], *(0,) * len(_SAVINGS), *counts[len(_COUNTS) :])
        if question.latency:
            first, took = counts[-2 * BUCKETS : -BUCKETS], counts[-BUCKETS:]
            counts = counts[: -2 * BUCKETS]
        else:
            counts, first, took = (*counts, *(0,) * len(_TIMES)), NO_TIMES, NO_TIMES
        yield Tally(of_numbers(counts, first, took), **_told(dict(zip(groups, row, strict=False))))


def _told(told: Mapping[str, Any]) -> dict[str, Any]:  # Any: texts and numbers
    tags = told.get("tags")
    return {**told, "tags": () if tags is None else _tags.decode(tags)}


def _ibis() -> Any:  # noqa: ANN401 - a module
    try:
        import ibis  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("the questions are written in Ibis: pip install 'weighbridge[analysis]'") from error
    return ibis
