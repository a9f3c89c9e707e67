"""OpenAI's lists: the pages of its usage and costs API, and the CSV files of its dashboard.

The API: https://platform.openai.com/docs/api-reference/usage (`GET /v1/organization/usage/completions`, `…/embeddings`
and `GET /v1/organization/costs`, as its package's `types/admin/organization` has them). The CSV files of
https://platform.openai.com/usage have a result's fields as columns, `amount_value` and `amount_currency` for a cost.
Input tokens hold the cached and the written ones; a cost is by day, and its `line_item` begins with the model.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.ledger.reconcile.line import Line, Statement
from weighbridge.ledger.rows import Row, Source, Unreadable, document, heads, is_json, moment, table

_COUNTED: Final = frozenset(
    ("organization.usage.completions.result", "organization.usage.embeddings.result", "organization.costs.result")
)


class _Amount(msgspec.Struct):
    value: Decimal | None = None
    currency: str = "usd"


class _Result(msgspec.Struct):
    object: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_cached_tokens: int | None = None
    input_cache_write_tokens: int | None = None
    num_model_requests: int | None = None
    model: str | None = None
    amount: _Amount | None = None
    line_item: str | None = None
    project_id: str | None = None
    api_key_id: str | None = None


class _Bucket(msgspec.Struct):
    start_time: int
    end_time: int
    results: list[_Result] = []
    result: list[_Result] = []
    """As pages of the first months have it."""


class _Page(msgspec.Struct):
    data: list[_Bucket]
    has_more: bool = False


Window = tuple[datetime, datetime]


def read(sources: Sequence[Source]) -> Statement:
    """All files as one list. Raises Unreadable."""
    lines: list[Line] = []
    covered: list[Window] = []
    passed_over: list[tuple[str, str]] = []
    for source in sources:
        read_one = _page if is_json(source) else _dashboard
        lines.extend(read_one(source, covered, passed_over))
    return Statement(tuple(lines), tuple(covered), tuple(passed_over))


def _page(source: Source, covered: list[Window], passed_over: list[tuple[str, str]]) -> Iterator[Line]:
    page = document(source, _Page)
    if page.has_more:
        passed_over.append((source.name, "the page says that there are more: add the next one"))
    for number, bucket in enumerate(page.data):
        place = f"{source.name}:data[{number}]"
        window = moment(bucket.start_time, place, "start_time"), moment(bucket.end_time, place, "end_time")
        covered.append(_checked(window, place))
        for each, result in enumerate(bucket.results or bucket.result):
            where = f"{place}.results[{each}]"
            if result.object not in _COUNTED:
                passed_over.append((where, f"{result.object!r} is not counted in tokens of text"))
                continue
            yield _line(result, window, where)


def _line(result: _Result, window: Window, place: str) -> Line:
    amount = result.amount
    return Line(
        place=place,
        since=window[0],
        until=window[1],
        model=result.model if amount is None else model_of(result.line_item),
        requests=result.num_model_requests,
        prompt=result.input_tokens,
        completion=result.output_tokens,
        cached=result.input_cached_tokens,
        written=result.input_cache_write_tokens,
        cost=None if amount is None else amount.value or Decimal(0),
        currency="USD" if amount is None else amount.currency.upper(),
        key=result.api_key_id,
        project=result.project_id,
    )


def model_of(item: str | None) -> str | None:
    """The model that a line item is of: `gpt-5-nano` of `gpt-5-nano, input`."""
    return None if item is None else item.partition(",")[0].strip() or None


def _dashboard(source: Source, covered: list[Window], passed_over: list[tuple[str, str]]) -> Iterator[Line]:
    columns = heads(source)
    costs = "amount_value" in columns
    if not costs and "num_model_requests" not in columns:
        raise Unreadable(
            f"{source.name}:1: it is no export of OpenAI's usage (with 'num_model_requests') or costs (with"
            f" 'amount_value'); its columns are {sorted(columns)}"
        )
    for row in table(source, ("start_time", "end_time")):
        window = row.moment("start_time"), row.moment("end_time")
        covered.append(_checked(window, row.place))
        if costs:
            if (cost := row.money("amount_value")) is not None:
                yield _cost(row, window, cost)
        elif row.count("num_model_requests") is not None:
            yield _usage(row, window)
        elif row.text("model") is not None:
            passed_over.append((row.place, "it counts no requests to a model"))


def _cost(row: Row, window: Window, cost: Decimal) -> Line:
    return Line(
        place=row.place,
        since=window[0],
        until=window[1],
        model=model_of(row.text("line_item")),
        cost=cost,
        currency=(row.text("amount_currency") or "usd").upper(),
        key=row.text("api_key_id"),
        project=row.text("project_id"),
    )


def _usage(row: Row, window: Window) -> Line:
    return Line(
        place=row.place,
        since=window[0],
        until=window[1],
        model=row.text("model"),
        requests=row.count("num_model_requests"),
        prompt=row.count("input_tokens"),
        completion=row.count("output_tokens"),
        cached=row.count("input_cached_tokens"),
        written=row.count("input_cache_write_tokens"),
        key=row.text("api_key_id"),
        project=row.text("project_id"),
    )


def _checked(window: Window, place: str) -> Window:
    if window[1] <= window[0]:
        raise Unreadable(f"{place}: 'end_time' is not after 'start_time'")
    return window
