"""Anthropic's lists: the reports of its Usage & Cost Admin API, and the CSV files of its console.

The API: https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-messages-usage-report and …/get-cost-report.
Input tokens are uncached, read from a cache and written to one, each apart; a cost is in cents ("123.45" is $1.23).
The console's files are one of tokens (`usage_input_tokens_no_cache` and so on) and one of costs (`token_type`,
`cost_usd`), by day in UTC; the latter is rounded to cents and calls a model `Claude Sonnet 4.5`. None counts requests.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.ledger.reconcile.line import Line, Statement
from weighbridge.ledger.rows import Row, Source, Unreadable, document, heads, is_json, moment, table

_DAY: Final = timedelta(days=1)
_CENTS: Final = 2
_TOKENS: Final = ("usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens")
_COSTS: Final = ("usage_date_utc", "model", "cost_usd")


class _Created(msgspec.Struct):
    ephemeral_1h_input_tokens: int = 0
    ephemeral_5m_input_tokens: int = 0


class _Result(msgspec.Struct):
    uncached_input_tokens: int | None = None
    cache_creation: _Created | None = None
    cache_read_input_tokens: int = 0
    output_tokens: int = 0
    model: str | None = None
    api_key_id: str | None = None
    workspace_id: str | None = None
    amount: Decimal | None = None
    currency: str = "USD"


class _Bucket(msgspec.Struct):
    starting_at: str
    ending_at: str
    results: list[_Result]


class _Report(msgspec.Struct):
    data: list[_Bucket]
    has_more: bool = False


Window = tuple[datetime, datetime]


def read(sources: Sequence[Source]) -> Statement:
    """All files as one list. Raises Unreadable."""
    lines: list[Line] = []
    covered: list[Window] = []
    passed_over: list[tuple[str, str]] = []
    for source in sources:
        if is_json(source):
            lines.extend(_report(source, covered, passed_over))
        else:
            lines.extend(found := list(_console(source)))
            if found:
                covered.append((min(line.since for line in found), max(line.until for line in found)))
    return Statement(tuple(lines), tuple(covered), tuple(passed_over))


def _report(source: Source, covered: list[Window], passed_over: list[tuple[str, str]]) -> Iterator[Line]:
    report = document(source, _Report)
    if report.has_more:
        passed_over.append((source.name, "the report says that there are more pages: add the next one"))
    for number, bucket in enumerate(report.data):
        place = f"{source.name}:data[{number}]"
        window = moment(bucket.starting_at, place, "starting_at"), moment(bucket.ending_at, place, "ending_at")
        covered.append(window)
        for each, result in enumerate(bucket.results):
            yield _line(result, window, f"{place}.results[{each}]")


def _line(result: _Result, window: Window, place: str) -> Line:
    whose = (result.api_key_id, result.workspace_id)
    if result.amount is not None:
        cost = result.amount.scaleb(-_CENTS)
        return _of(place, window, result.model, whose, cost=cost, currency=result.currency.upper())
    if result.uncached_input_tokens is None:
        raise Unreadable(f"{place}: it has neither 'uncached_input_tokens' nor 'amount'")
    created = result.cache_creation or _Created()
    written = created.ephemeral_1h_input_tokens + created.ephemeral_5m_input_tokens
    tokens = (result.uncached_input_tokens, result.cache_read_input_tokens, written, result.output_tokens)
    return _of(place, window, result.model, whose, tokens)


def _console(source: Source) -> Iterator[Line]:
    columns = heads(source)
    costs = "cost_usd" in columns
    if not costs and not columns.issuperset(_TOKENS):
        raise Unreadable(
            f"{source.name}:1: it is no export of tokens ({', '.join(_TOKENS)}) or costs ({', '.join(_COSTS)}) of"
            f" Anthropic's console; its columns are {sorted(columns)}"
        )
    for row in table(source, _COSTS if costs else _TOKENS):
        start = row.moment("usage_date_utc").replace(hour=0, minute=0, second=0, microsecond=0)
        window = start, start + _DAY
        whose = row.text("api_key"), row.text("workspace")
        if costs:
            cost = row.money("cost_usd") or Decimal(0)
            yield _of(row.place, window, row.text("model"), whose, cost=cost, digits=_CENTS)
        else:
            yield _of(row.place, window, row.need("model_version"), whose, _tokens(row))


def _tokens(row: Row) -> tuple[int, int, int, int]:
    written = [row.count(f"usage_input_tokens_cache_write_{span}") or 0 for span in ("5m", "1h")]
    return (
        row.count("usage_input_tokens_no_cache") or 0,
        row.count("usage_input_tokens_cache_read") or 0,
        sum(written),
        row.count("usage_output_tokens") or 0,
    )


def _of(
    place: str,
    window: Window,
    model: str | None,
    whose: tuple[str | None, str | None],
    tokens: tuple[int, int, int, int] | None = None,
    *,
    cost: Decimal | None = None,
    currency: str = "USD",
    digits: int = 9,
) -> Line:
    fresh, cached, written, output = tokens or (None, None, None, None)
    prompt = None if fresh is None else fresh + (cached or 0) + (written or 0)
    return Line(
        place=place,
        since=window[0],
        until=window[1],
        model=model,
        prompt=prompt,
        completion=output,
        cached=cached,
        written=written,
        cost=cost,
        currency=currency,
        digits=digits,
        key=whose[0],
        project=whose[1],
    )
