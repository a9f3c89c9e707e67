"""The bill's SQL: entries of a time, summed where they are alike, slice by slice: millions need little memory."""
# ruff: noqa: S608 - the statements are put together from constants of this file and from numbers

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.bill.modelled import Seen
from weighbridge.ledger.bill.seen import Sight, seen
from weighbridge.ledger.bill.tally import NO_CUTS, Cuts, Tally
from weighbridge.ledger.cost import SMALLEST

Progress = Callable[[int, int], None]
"""Told how many slices of how many are read."""

_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR
_SLICES: Final = 64
_texts: Final = msgspec.json.Decoder(tuple[str, ...])


class Row(msgspec.Struct, array_like=True):
    """What the SQL gives of a tally."""

    at: int
    model: str | None
    asked_model: str | None
    provider: str | None
    key: str
    organisation: str | None
    project: str | None
    counted_by: str | None
    price_id: str | None
    price_since: str | None
    imported: str | None
    tags: str | None
    key_tags: str | None
    user: str | None
    adjusts: int
    worked: int
    priced: int
    entries: int
    prompt: int
    completion: int
    fresh: int
    cached: int
    written: int
    reasoning: int
    untold: int
    cost_high: int
    cost_low: int
    longest: int
    longest_whole: int


_PROMPT: Final = "coalesce(prompt_tokens, 0)"
_COMPLETION: Final = "coalesce(completion_tokens, 0)"
_CACHED: Final = "coalesce(cached_tokens, 0)"
_WRITTEN: Final = "coalesce(written_tokens, 0)"
_REASONING: Final = "coalesce(reasoning_tokens, 0)"
_SUMS: Final = f"""
    count(*) AS entries, sum({_PROMPT}) AS prompt, sum({_COMPLETION}) AS completion,
    sum(CASE WHEN corrects IS NULL AND {_PROMPT} < {_CACHED} + {_WRITTEN} THEN 0
        ELSE {_PROMPT} - {_CACHED} - {_WRITTEN} END) AS fresh,
    sum({_CACHED}) AS cached, sum({_WRITTEN}) AS written,
    sum(CASE WHEN corrects IS NULL AND {_REASONING} > {_COMPLETION} THEN {_COMPLETION} ELSE {_REASONING} END)
        AS reasoning,
    sum(CASE WHEN reasoning_tokens IS NULL THEN {_COMPLETION} ELSE 0 END) AS untold,
    sum(coalesce(cost, 0) / 1000000) AS cost_high, sum(coalesce(cost, 0) % 1000000) AS cost_low,
    max({_PROMPT}) AS longest, max({_PROMPT} + {_COMPLETION}) AS longest_whole
"""


def tallies(
    connection: Connection,
    *,
    since: datetime,
    until: datetime,
    cuts: Cuts = NO_CUTS,
    by_user: bool = False,
    progress: Progress = lambda done, total: None,
) -> Iterator[Tally]:
    """All entries from `since` to before `until` (aware). The same group may come again in another slice.

    Users are told apart only `by_user`: there may be as many as there are requests. Raises db.Error.
    """
    sql = _sql(cuts, by_user=by_user)
    bounds = {"since": microseconds(since), "until": microseconds(until)}
    slices = list(_slices(connection))
    for done, (start, end) in enumerate(slices):
        progress(done, len(slices))
        for row in connection.execute(sql, {**bounds, "from": start, "to": end}).fetchall():
            yield tally_of(msgspec.convert(row, Row))  # checked: a ledger that was tampered with is not believed
    progress(len(slices), len(slices))


def models(connection: Connection) -> list[str | None]:
    """Every model that there are entries of; where none answered, the name that was asked for."""
    return [row[0] for row in connection.execute("SELECT DISTINCT coalesce(model, asked_model) FROM kind")]


def summed(connection: Connection, *, since: datetime, until: datetime) -> int:
    """How many entries the roll-ups know of in that time, of whole hours: they outlive those that were archived."""
    given = (microseconds(since) // _HOUR, microseconds(until) // _HOUR)
    sql = "SELECT coalesce(sum(requests + adjustments), 0) FROM rollup WHERE hour >= ? AND hour < ?"
    return int(connection.execute(sql, given).fetchone()[0])


def seen_of(connection: Connection, model: str) -> Seen:
    """What this ledger has seen of a model, by its own requests and as its provider counted them."""
    rows = connection.execute(
        """
        SELECT provider, sum(requests), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens),
               sum(reasoning_tokens)
        FROM rollup JOIN kind ON kind.id = rollup.kind
        WHERE model = ? AND imported IS NULL AND counted_by IN ('provider', 'engine')
        GROUP BY provider, key, hour / 24
        """,
        (model,),
    )
    return seen(Sight(str(row[0]), *map(int, row[1:])) for row in rows)


def _sql(cuts: Cuts, *, by_user: bool) -> str:
    user = "end_user" if by_user else "CAST(NULL AS TEXT)"
    which = "id >= :from AND (CAST(:to AS TEXT) IS NULL OR id < :to) AND at >= :since AND at < :until"
    return f"""
        SELECT summed.earliest, model, asked_model, provider, key, organisation, project, counted_by, price_id,
               price_since, imported, tags, key_tags, end_user, {", ".join(SUMS)}
        FROM ({summed_sql(("kind", f"{user} AS end_user"), cuts, which)}) AS summed JOIN kind ON kind.id = summed.kind
    """


SUMS: Final = (
    "adjusts", "worked", "priced", "entries", "prompt", "completion", "fresh", "cached", "written", "reasoning",
    "untold", "cost_high", "cost_low", "longest", "longest_whole",
)  # fmt: skip
"""What `summed_sql` sums up, in the order of a row."""


def summed_sql(told: Sequence[str], cuts: Cuts, which: str) -> str:
    """Those of a table `entry` told apart by some columns, and by all that decides how they are counted again.

    `at` is in microseconds since 1970, and a division of integers is one.
    """
    day = f"entry.at / {_DAY}" if cuts.days is None else classes("entry.at", midnights(cuts.days), below=True)
    deciding = (
        f"{day} AS day",
        f"{classes(f'entry.at % {_DAY}', cuts.hours, below=True)} AS hours",
        f"{classes(_PROMPT, cuts.prompts)} AS tier",
        f"{classes(f'{_PROMPT} + {_COMPLETION}', cuts.wholes)} AS size",
        _flag("corrects IS NOT NULL", "adjusts"),
        _flag("prompt_tokens IS NOT NULL", "worked"),
        _flag("cost IS NOT NULL", "priced"),
        _flag(f"{_REASONING} <> 0", "reasoned"),
        _flag("reasoning_tokens IS NULL", "silent"),
        _flag(f"{_CACHED} <> 0", "hit"),
    )
    places = ", ".join(map(str, range(1, len(told) + len(deciding) + 1)))
    columns = ", ".join((*told, *deciding))
    return f"SELECT {columns}, min(entry.at) AS earliest, {_SUMS} FROM entry WHERE {which} GROUP BY {places}"


def midnights(days: Iterable[date]) -> list[int]:
    """When they begin, in microseconds since 1970."""
    return [microseconds(datetime.combine(day, time(), UTC)) for day in days]


def _flag(condition: str, name: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END AS {name}"


def classes(value: str, cuts: Sequence[int], *, below: bool = False) -> str:
    """The number of the first cut that a value does not pass; the smallest are told apart with one comparison."""
    if not cuts:
        return "0"
    sign = "<" if below else "<="
    whens = " ".join(f"WHEN {value} {sign} {int(cut)} THEN {number}" for number, cut in enumerate(cuts))
    return f"CASE {whens} ELSE {len(cuts)} END"


def _slices(connection: Connection) -> Iterator[tuple[str, str | None]]:
    """Ranges of ids, which sort by time; together all that there are, whatever an id looks like."""
    first, last = connection.execute("SELECT min(id), max(id) FROM entry").fetchone()
    try:
        start, end = (int(each[4:16], 16) for each in (first, last))
    except (TypeError, ValueError):
        yield "", None
        return
    steps = [f"wbr-{start + (end - start) * step // _SLICES:012x}" for step in range(1, _SLICES)]
    inner = sorted({step for step in steps if first < step < last})
    yield from zip(["", *inner], [*inner, None], strict=True)


def tally_of(row: Row) -> Tally:
    """A row as a tally."""
    return Tally(
        at=moment(row.at),
        model=row.model or row.asked_model,
        provider=row.provider,
        key=row.key,
        organisation=row.organisation,
        project=row.project,
        user=row.user,
        tags=_tags(row.tags),
        key_tags=_tags(row.key_tags),
        counted_by=row.counted_by if row.worked else None,
        price_id=row.price_id,
        price_since=row.price_since,
        imported=row.imported,
        adjusts=bool(row.adjusts),
        priced=bool(row.priced),
        entries=row.entries,
        prompt=row.prompt,
        completion=row.completion,
        fresh=row.fresh,
        cached=row.cached,
        written=row.written,
        reasoning=row.reasoning,
        untold=row.untold,
        cost=(row.cost_high * Decimal(1_000_000) + row.cost_low) * SMALLEST,
        longest=row.longest,
        longest_whole=row.longest_whole,
    )


def _tags(text: str | None) -> tuple[str, ...]:
    return () if text is None else _texts.decode(text)
