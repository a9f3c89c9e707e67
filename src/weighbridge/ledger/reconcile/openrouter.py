"""OpenRouter's lists: one line for each generation, or sums by day.

By generation: the export of its logs (`generation_id, created_at, cost_total, tokens_prompt, …`), or answers of
`GET /api/v1/generation?id=` (https://openrouter.ai/docs/api/api-reference/generations/get-generation), one document or
one a line. By day in UTC: `GET /api/v1/activity` (https://openrouter.ai/docs/api/api-reference/analytics), or the CSV
of its activity page (`Date, Slug, Usage, BYOK Usage, Requests, …`). Costs are in US dollars; what a key of one's own
(BYOK) cost elsewhere is not among them. An id is the header `x-generation-id` of the answer.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.ledger.reconcile.line import Line, Statement
from weighbridge.ledger.rows import Row, Source, Unreadable, heads, is_json, moment, table

_DAY: Final = timedelta(days=1)
_BY_GENERATION: Final = ("generation_id", "created_at", "cost_total")
_BY_DAY: Final = ("date", "slug", "usage")


class _Generation(msgspec.Struct):
    id: str
    created_at: str
    model: str
    total_cost: Decimal
    native_tokens_prompt: int | None = None
    native_tokens_completion: int | None = None
    native_tokens_cached: int | None = None
    native_tokens_reasoning: int | None = None
    tokens_prompt: int | None = None
    tokens_completion: int | None = None


class _Day(msgspec.Struct):
    date: str
    model: str
    usage: Decimal
    requests: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    model_permaslug: str | None = None


class _One(msgspec.Struct):
    data: _Generation | list[_Day]


Window = tuple[datetime, datetime]


def read(sources: Sequence[Source]) -> Statement:
    """All files as one list. Raises Unreadable."""
    lines: list[Line] = []
    covered: list[Window] = []
    for source in sources:
        found = list(_documents(source) if is_json(source) else _export(source))
        lines.extend(found)
        if found and not (is_json(source) and found[0].request is not None):  # those were asked for one by one
            covered.append((min(line.since for line in found), max(line.until for line in found)))
    return Statement(tuple(lines), tuple(covered))


def _documents(source: Source) -> Iterator[Line]:
    try:
        documents = msgspec.json.Decoder(_One).decode_lines(source.data) if _lines(source) else [_whole(source)]
    except msgspec.MsgspecError as error:
        raise Unreadable(f"{source.name}: {error}") from error
    for number, one in enumerate(documents, start=1):
        place = f"{source.name}:{number}"
        if isinstance(one.data, _Generation):
            yield _generation(one.data, place)
        else:
            for each, day in enumerate(one.data):
                yield _activity(day, f"{source.name}:data[{each}]")


def _lines(source: Source) -> bool:
    """Whether each of its lines is a document."""
    return source.data.count(b"\n{") > 0


def _whole(source: Source) -> _One:
    return msgspec.json.decode(source.data, type=_One)


def _generation(one: _Generation, place: str) -> Line:
    at = moment(one.created_at, place, "created_at")
    native = one.native_tokens_prompt is not None
    return Line(
        place=place,
        since=at,
        until=at,
        model=one.model,
        request=one.id,
        requests=1,
        prompt=one.native_tokens_prompt if native else one.tokens_prompt,
        completion=one.native_tokens_completion if native else one.tokens_completion,
        cached=one.native_tokens_cached,
        reasoning=one.native_tokens_reasoning,
        cost=one.total_cost,
    )


def _activity(day: _Day, place: str) -> Line:
    since = moment(day.date, place, "date")
    return Line(
        place=place,
        since=since,
        until=since + _DAY,
        model=day.model,
        requests=day.requests,
        prompt=day.prompt_tokens,
        completion=day.completion_tokens,
        reasoning=day.reasoning_tokens,
        cost=day.usage,
    )


def _export(source: Source) -> Iterator[Line]:
    columns = heads(source)
    if columns.issuperset(_BY_GENERATION):
        yield from map(_logged, table(source, _BY_GENERATION))
    elif columns.issuperset(_BY_DAY):
        yield from map(_summed, table(source, _BY_DAY))
    else:
        raise Unreadable(
            f"{source.name}:1: it is neither OpenRouter's export of generations ({', '.join(_BY_GENERATION)}) nor that"
            f" of activity by day ({', '.join(_BY_DAY)}); its columns are {sorted(columns)}"
        )


def _logged(row: Row) -> Line:
    at = row.moment("created_at")
    return Line(
        place=row.place,
        since=at,
        until=at,
        model=row.text("model_permaslug", "model"),
        request=row.need("generation_id"),
        requests=1,
        prompt=row.count("native_tokens_prompt", "tokens_prompt"),
        completion=row.count("native_tokens_completion", "tokens_completion"),
        cached=row.count("native_tokens_cached", "tokens_cached"),
        reasoning=row.count("native_tokens_reasoning", "tokens_reasoning"),
        cost=row.money("cost_total"),
        key=row.text("api_key_name"),
        project=row.text("app_name"),
    )


def _summed(row: Row) -> Line:
    since = row.moment("date")
    return Line(
        place=row.place,
        since=since,
        until=since + _DAY,
        model=row.need("slug"),
        requests=row.count("requests"),
        prompt=row.count("prompt tokens"),
        completion=row.count("completion tokens"),
        reasoning=row.count("reasoning tokens"),
        cost=row.money("usage"),
    )
