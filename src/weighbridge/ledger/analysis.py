"""The same questions, of entries in Parquet files or in an analytical database: the sums, written once with Ibis.

`directory.py` has DuckDB answer them. For a ledger that has outgrown the machine `sql` writes them for PostgreSQL and
ClickHouse, over a table of the files' columns (`parquet.COLUMNS`). Grouping by what is known of models and providers is
`questions.py`'s, as it is for the database.

The answer to a wide question may be kept (`kept_sql`), so that narrower ones are answered from it (`narrowed_sql`)
instead of from the entries.
"""

from collections.abc import Iterator, Mapping, Sequence
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
_BUCKETS: Final = (*(f"first_{n}" for n in range(BUCKETS)), *(f"took_{n}" for n in range(BUCKETS)))
_MONEY: Final = ("cost", "saved")
_MILLION: Final = 1_000_000
_tags: Final = msgspec.json.Decoder(tuple[str, ...])


def sql(question: Question, dialect: Dialect) -> str:
    """The sums that answer a question, over a table `entries`. Raises PackageMissing."""
    package = _ibis()
    written: str = package.to_sql(expression(question), dialect=dialect)
    return written


def kept_sql(question: Question) -> str:
    """DuckDB's SQL of the sums as they are kept in a file: integers of 64 bits, money in two. Raises PackageMissing."""
    inner = _ibis().to_sql(expression(question, at_once=True), dialect="duckdb")
    told = [f'"{name}"' for name in groups(question)]
    numbers = [f"coalesce({name}, 0)::BIGINT AS {name}" for name in _names(question) if name not in _MONEY]
    for name in _kept_money(question):
        exact = f"coalesce({name}, 0)::HUGEINT"
        numbers += [f"({exact} // {_MILLION})::BIGINT AS {name}_high", f"({exact} % {_MILLION})::BIGINT AS {name}_low"]
    return f"SELECT {', '.join([*told, *numbers])} FROM ({inner}) ORDER BY {', '.join(told[::-1])}"  # noqa: S608


def narrowed_sql(question: Question, kept: Question) -> str:
    """DuckDB's SQL of the same sums as `sql`, over a table `entries` of what was kept of a wider question.

    Raises PackageMissing.
    """
    package = _ibis()
    parts = [f"{name}_{part}" for name in _kept_money(kept) for part in ("high", "low")]
    numbers = [*(name for name in _names(kept) if name not in _MONEY), *parts]
    alike = {name: "int64" if name == "hour" else "string" for name in groups(kept)}
    table = _asked(package.table({**alike, **dict.fromkeys(numbers, "int64")}, name=TABLE), question)
    told = {name: _group(table, question, name) for name in groups(question)}
    sums = {name: _money(table, name) if name in _MONEY else table[name].sum() for name in _names(question)}
    written: str = package.to_sql(
        table.group_by(**told).aggregate(**sums) if told else table.aggregate(**sums), dialect="duckdb"
    )
    return written


def _money(table: Any, name: str) -> Any:  # noqa: ANN401 - values of Ibis
    return table[f"{name}_high"].sum() * _MILLION + table[f"{name}_low"].sum()  # of 128 bits in DuckDB


def _kept_money(question: Question) -> tuple[str, ...]:
    return tuple(name for name in _MONEY if name in _names(question))


def _names(question: Question) -> tuple[str, ...]:
    """The sums of a question, in the order of their columns."""
    savings = _SAVINGS if question.savings else ()
    times = (*_TIMES, *_BUCKETS) if question.latency else ()
    return (*_COUNTS, *savings, *times)


def expression(question: Question, *, at_once: bool = False) -> "ibis.Table":
    """The sums, told apart by all columns that the question needs.

    Entries that are alike in all that decides how they count are summed first, which takes half the time, unless
    `at_once`: where few are alike.
    """
    package = _ibis()
    table = _asked(package.table({name: IBIS_TYPES[kind] for name, kind in COLUMNS.items()}, name=TABLE), question)
    told = {name: _group(table, question, name) for name in groups(question)}
    deciding = _deciding(package, table, question)
    if at_once:
        alike = table.select(**told, **deciding, **_each(package, table, question))
    else:
        alike = table.group_by(**told, **deciding).aggregate(**_summed(table, question))
    sums = _sums(alike, question)
    return alike.group_by(tuple(told)).aggregate(**sums) if told else alike.aggregate(**sums)


def _asked(table: Any, question: Question) -> Any:  # noqa: ANN401 - values of Ibis
    """The rows that a question may be about."""
    first, end = hours(question.since, question.until)
    if question.since is not None:
        table = table.filter(table.hour >= first)
    if question.until is not None:
        table = table.filter(table.hour < end)
    for column, value in question.only.items():
        table = table.filter(table[column].isnull() if value is None else table[column] == value)
    return table


def groups(question: Question) -> tuple[str, ...]:
    """The columns that the rows of its SQL are told apart by, in their order."""
    columns: tuple[str, ...] = question.columns
    if question.savings and "price_id" not in columns:
        columns = (*columns, "price_id")
    return columns if question.grain == "all" else (*columns, "hour")


def _group(table: Any, question: Question, name: str) -> Any:  # noqa: ANN401 - values of Ibis
    if name != "hour" or question.grain == "hour":
        return table[name]
    return table.hour - table.hour % 24


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


def _each(package: Any, table: Any, question: Question) -> dict[str, Any]:  # noqa: ANN401 - values of Ibis
    """What `_summed` gives, of one entry."""
    one = package.literal(1)
    each = {
        "entries": one,
        "worked": table.prompt_tokens.notnull().cast("int64"),
        "priced": table.cost.notnull().cast("int64"),
        **{name: table[name] for name in _TOKENS},
        "cost": table.cost.cast("decimal(38, 0)"),
    }
    if question.latency:
        each |= {"first_bytes": table.first_byte.notnull().cast("int64"), **{name: table[name] for name in _TIMES[1:]}}
    if question.savings:
        each |= {"known": table.saved.notnull().cast("int64"), "saved": table.saved.cast("decimal(38, 0)")}
    return each


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
    told = groups(question)
    for row in rows:
        counts = tuple(int(cell or 0) for cell in row[len(told) :])
        if not question.savings:
            counts = (*counts[: len(_COUNTS)], *(0,) * len(_SAVINGS), *counts[len(_COUNTS) :])
        if question.latency:
            first, took = counts[-2 * BUCKETS : -BUCKETS], counts[-BUCKETS:]
            counts = counts[: -2 * BUCKETS]
        else:
            counts, first, took = (*counts, *(0,) * len(_TIMES)), NO_TIMES, NO_TIMES
        yield Tally(of_numbers(counts, first, took), **_told(dict(zip(told, row, strict=False))))


def _told(told: Mapping[str, Any]) -> dict[str, Any]:  # Any: texts and numbers
    tags = told.get("tags")
    return {**told, "tags": () if tags is None else _tags.decode(tags)}


def _ibis() -> Any:  # noqa: ANN401 - a module
    try:
        import ibis  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("the questions are written in Ibis: pip install 'weighbridge[analysis]'") from error
    return ibis
