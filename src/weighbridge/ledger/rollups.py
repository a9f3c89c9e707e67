"""The roll-ups' SQL: reading the sums that the ledger keeps of itself, and proving that they are those of its entries.

A trigger writes them (migration 0008), in the transaction of the entries. `hour` and `kind` are what they tell apart.
Who is behind a request (`user`) is not in them, as there may be as many as there are requests: a question by user reads
the entries themselves, and what was archived of them is one user, ARCHIVED.
"""
# ruff: noqa: S608 - the statements are put together from constants of this file

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds
from weighbridge.ledger.saved import GIVEN_AGAIN
from weighbridge.ledger.tally import BOUNDS, BUCKETS, Column, Grain, Sums, Tally

HOUR: Final = 3_600_000_000
"""Microseconds."""
ARCHIVED: Final = "(archived)"
"""The user of requests whose entries are in an archive."""

_HOURS: Final[Mapping[Grain, int]] = {"hour": 1, "day": 24, "month": 24}
_NEVER: Final = 2**62
_FAILED: Final = frozenset(("upstream_broke", "refused", "stopped"))
_GUESSED: Final = frozenset(("estimate", "bound"))

_TOKENS: Final = ("prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens")
_MONEY: Final = ("cost_high", "cost_low")
_SAVED: Final = ("saved_high", "saved_low", "saved_unknown")
_TIMES: Final = ("first_bytes", "first_byte", "duration")
_BUCKETS: Final = (*(f"first_{one}" for one in range(BUCKETS)), *(f"took_{one}" for one in range(BUCKETS)))
_SUMS: Final = ("requests", "adjustments", "unpriced", *_TOKENS, *_MONEY, *_SAVED, *_TIMES, *_BUCKETS)
_KIND: Final = (
    "key, asked_model, model, provider, upstream_model, ending, error, counted_by, price_id, organisation, project, "
    "tags, imported"
)


def _within(column: str, bucket: int) -> str:
    low = f"{column} >= {BOUNDS[bucket - 1]}" if bucket else ""
    high = f"{column} < {BOUNDS[bucket]}" if bucket < len(BOUNDS) else ""
    return " AND ".join(part for part in (low, high) if part)


def _if(condition: str, then: str = "1") -> str:
    return f"CASE WHEN {condition} THEN {then} ELSE 0 END"


_OURS: Final = "entry.corrects IS NULL"
_PAID: Final = "entry.corrects IS NULL AND kind.price_id = 'cache' AND kind.ending = 'complete'"
_OF_ENTRY: Final = {
    "requests": _if(_OURS),
    "adjustments": _if("entry.corrects IS NOT NULL"),
    "unpriced": _if(f"{_OURS} AND entry.prompt_tokens IS NOT NULL AND entry.cost IS NULL"),
    **{tokens: f"coalesce(entry.{tokens}, 0)" for tokens in _TOKENS},
    "cost_high": "coalesce(entry.cost / 1000000, 0)",
    "cost_low": "coalesce(entry.cost % 1000000, 0)",
    "saved_high": _if(_PAID, "coalesce(paid.cost / 1000000, 0)"),
    "saved_low": _if(_PAID, "coalesce(paid.cost % 1000000, 0)"),
    "saved_unknown": _if(f"{_PAID} AND paid.cost IS NULL"),
    "first_bytes": _if(f"{_OURS} AND entry.first_byte IS NOT NULL"),
    "first_byte": _if(_OURS, "coalesce(entry.first_byte, 0)"),
    "duration": _if(_OURS, "entry.duration"),
    **{f"first_{one}": _if(f"{_OURS} AND {_within('entry.first_byte', one)}") for one in range(BUCKETS)},
    **{f"took_{one}": _if(f"{_OURS} AND {_within('entry.duration', one)}") for one in range(BUCKETS)},
}
_ENTRIES: Final = "entry JOIN kind ON kind.id = entry.kind LEFT JOIN entry AS paid ON paid.id = entry.upstream_request"


class _Row(msgspec.Struct, array_like=True):
    kind: int
    hour: int
    user: str | None
    counts: tuple[int, ...]


def tallies(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    grain: Grain = "all",
    by_user: bool = False,
    only: Mapping[Column, str | None] | None = None,
) -> list[Tally]:
    """All that was used from the hour of `since` to the end of the hour before `until`, tallied. Raises db.Error.

    Times are taken to the full hour, outward, so that nothing that was asked for is left out. `only` narrows it down
    to entries with these values of columns that are texts; `user` among them, or `by_user`, has the entries read.
    """
    only = only or {}
    by_user = by_user or "user" in only
    first, end = hours(since, until)
    of_kind = {column: value for column, value in only.items() if column != "user"}
    narrowed = "".join(f" AND kind.{column} IS NOT DISTINCT FROM ?" for column in of_kind)
    sql = _rolled(grain, narrowed)
    given: list[str | int | None] = [first, end, *of_kind.values()]
    if by_user:  # one statement is one moment of the ledger
        sql = f"{sql} UNION ALL {_by_user(grain, narrowed)}"
        given += [first * HOUR, end * HOUR, *of_kind.values()]
    rows = connection.execute(sql, given).fetchall()
    found = [_Row(row[0], row[1], row[2], tuple(map(int, row[4:]))) for row in rows if not by_user or row[3]]
    if by_user:
        found += _archived((_Row(row[0], row[1], None, tuple(map(int, row[4:]))) for row in rows if not row[3]), found)
    if "user" in only:
        found = [row for row in found if row.user == only["user"]]
    kinds = _kinds(connection)
    return [_tally(row, kinds[row.kind]) for row in found]


def hours_of(connection: Connection) -> list[int]:
    """The hours since 1970 that there are sums of. Raises db.Error."""
    return [int(hour) for (hour,) in connection.execute("SELECT DISTINCT hour FROM rollup").fetchall()]


def hours(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The first of the hours that are asked for, and the one after the last, since 1970."""
    first = 0 if since is None else microseconds(since) // HOUR
    return first, _NEVER // HOUR if until is None else -(-microseconds(until) // HOUR)


def _hour_of(grain: Grain, hour: str) -> str:
    hours = _HOURS.get(grain)
    return "0" if hours is None else hour if hours == 1 else f"{hour} / {hours} * {hours}"


def _rolled(grain: Grain, narrowed: str) -> str:
    sums = ", ".join(f"sum(rollup.{name})" for name in _SUMS)
    return (
        f"SELECT rollup.kind, {_hour_of(grain, 'rollup.hour')} AS at, NULL AS who, 0 AS each_user, {sums}"
        " FROM rollup JOIN kind ON kind.id = rollup.kind"
        f" WHERE rollup.hour >= ? AND rollup.hour < ?{narrowed} GROUP BY rollup.kind, 2"
    )


def _by_user(grain: Grain, narrowed: str) -> str:
    sums = ", ".join(f"sum({_OF_ENTRY[name]})" for name in _SUMS)
    return (
        f"SELECT entry.kind, {_hour_of(grain, f'(entry.at / {HOUR})')} AS at, entry.end_user AS who, 1 AS each_user,"
        f" {sums}"
        f" FROM {_ENTRIES} WHERE entry.at >= ? AND entry.at < ?{narrowed} GROUP BY entry.kind, 2, entry.end_user"
    )


def _archived(rolled: Iterable[_Row], users: Sequence[_Row]) -> list[_Row]:
    """What the roll-ups have and no entry has any more."""
    left = {(row.kind, row.hour): list(row.counts) for row in rolled}
    for row in users:
        counts = left.get((row.kind, row.hour))
        if counts is not None:
            counts[:] = [have - has for have, has in zip(counts, row.counts, strict=True)]
    return [_Row(kind, hour, ARCHIVED, tuple(counts)) for (kind, hour), counts in left.items() if any(counts)]


class _Kind(msgspec.Struct, array_like=True, frozen=True):
    id: int
    key: str
    asked_model: str | None
    model: str | None
    provider: str | None
    upstream_model: str | None
    ending: str
    error: str | None
    counted_by: str | None
    price_id: str | None
    organisation: str | None
    project: str | None
    tags: str | None
    imported: str | None


_tags: Final = msgspec.json.Decoder(tuple[str, ...])


def _kinds(connection: Connection) -> dict[int, _Kind]:
    rows = connection.execute(f"SELECT id, {_KIND} FROM kind")
    return {kind.id: kind for kind in (msgspec.convert(tuple(row), _Kind) for row in rows)}


def _tally(row: _Row, kind: _Kind) -> Tally:
    return Tally(
        sums=_sums(dict(zip(_SUMS, row.counts, strict=True)), kind),
        hour=row.hour,
        key=kind.key,
        asked_model=kind.asked_model,
        model=kind.model,
        provider=kind.provider,
        upstream_model=kind.upstream_model,
        ending=kind.ending,
        error=kind.error,
        counted_by=kind.counted_by,
        price_id=kind.price_id,
        organisation=kind.organisation,
        project=kind.project,
        tags=() if kind.tags is None else _tags.decode(kind.tags),
        imported=kind.imported,
        user=row.user,
    )


def _sums(counts: Mapping[str, int], kind: _Kind) -> Sums:
    requests = counts["requests"]
    again = kind.price_id == GIVEN_AGAIN and kind.ending == "complete"
    return Sums(
        requests=requests,
        adjustments=counts["adjustments"],
        complete=requests if kind.ending == "complete" else 0,
        errors=requests if kind.ending in _FAILED else 0,
        estimated=requests if kind.counted_by in _GUESSED else 0,
        unpriced=counts["unpriced"],
        prompt_tokens=counts["prompt_tokens"],
        completion_tokens=counts["completion_tokens"],
        cached_tokens=counts["cached_tokens"],
        written_tokens=counts["written_tokens"],
        reasoning_tokens=counts["reasoning_tokens"],
        cost=_amount(counts["cost_high"], counts["cost_low"]),
        given_again=requests if again else 0,
        saved=_amount(counts["saved_high"], counts["saved_low"]),
        saved_unknown=counts["saved_unknown"],
        first_bytes=counts["first_bytes"],
        first_byte=counts["first_byte"],
        duration=counts["duration"],
        first=tuple(counts[f"first_{one}"] for one in range(BUCKETS)),
        took=tuple(counts[f"took_{one}"] for one in range(BUCKETS)),
    )


def _amount(high: int, low: int) -> int:
    return high * 1_000_000 + low


SumsByKind = Mapping[tuple[int, int], tuple[int, ...]]
"""The sums of an hour and a kind."""


def sums_by_kind(connection: Connection, first: int, last: int) -> SumsByKind:
    """Of these hours since 1970, both inclusive. Raises db.Error."""
    sums = ", ".join(f"sum({name})" for name in _SUMS)
    sql = f"SELECT hour, kind, {sums} FROM rollup WHERE hour >= ? AND hour <= ? GROUP BY hour, kind"
    rows = connection.execute(sql, (first, last)).fetchall()
    return {(row[0], row[1]): tuple(map(int, row[2:])) for row in rows}


def take_off(connection: Connection, before: SumsByKind, after: SumsByKind) -> None:
    """Have the sums be what they were `before`, in the transaction that has made them `after`. Raises db.Error."""
    nothing = (0,) * len(_SUMS)
    added = ", ".join(f"{name} = rollup.{name} + excluded.{name}" for name in _SUMS)
    sql = (
        f"INSERT INTO rollup (hour, kind, part, {', '.join(_SUMS)}) VALUES (?, ?, 0{', ?' * len(_SUMS)})"
        f" ON CONFLICT (hour, kind, part) DO UPDATE SET {added}"
    )
    for place, sums in sorted(after.items()):
        less = tuple(was - now for was, now in zip(before.get(place, nothing), sums, strict=True))
        if any(less):
            connection.execute(sql, (*place, *less))


@dataclass(frozen=True, slots=True)
class Difference:
    """An hour's sums of a kind, less those of its entries: what differs, by how much (money in 1e-12 US dollars)."""

    hour: int
    kind: int
    by: Mapping[str, int]


_CHECKED: Final = tuple(name for name in _SUMS if name not in _SAVED)
"""What an answer that is given again had cost is looked up when its entry is written, and may be archived since."""
_KEPT: Final = ("entries", "prompt_tokens", "completion_tokens", "cost_high", "cost_low")
"""What the table `archive` says of a file."""


def differences(connection: Connection) -> list[Difference]:
    """Where the roll-ups are not the sums of the entries, with what was archived of them; empty is as it should be.

    Reads every entry. Raises db.Error.
    """
    rolled = ", ".join(f"rollup.{name} AS {name}" for name in _CHECKED)
    entered = ", ".join(f"-sum({_OF_ENTRY[name]})" for name in _CHECKED)
    sums = ", ".join(f"sum({name})" for name in _CHECKED)
    differs = " OR ".join(f"sum({name}) <> 0" for name in _CHECKED)
    rows = connection.execute(
        f"SELECT hour, kind, {sums} FROM (SELECT hour, kind, {rolled} FROM rollup UNION ALL"
        f" SELECT entry.at / {HOUR}, entry.kind, {entered} FROM entry GROUP BY entry.at / {HOUR}, entry.kind)"
        f" AS both_sides GROUP BY hour, kind HAVING {differs} ORDER BY hour, kind"
    ).fetchall()
    found = [Difference(row[0], row[1], _named(tuple(map(int, row[2:])))) for row in rows]
    return _beside_archives(found, _archives(connection))


class _Archive(msgspec.Struct, array_like=True):
    since: int
    until: int
    counts: tuple[int, ...]


def _archives(connection: Connection) -> list[_Archive]:
    rows = connection.execute(
        f"SELECT since, until, {', '.join(_KEPT)} FROM archive"
        " WHERE dropped_at IS NOT NULL AND file NOT IN (SELECT file FROM restored)"
    )
    return [_Archive(row[0] // HOUR, row[1] // HOUR, tuple(map(int, row[2:]))) for row in rows.fetchall()]


def _named(counts: tuple[int, ...]) -> dict[str, int]:
    by = dict(zip(_CHECKED, counts, strict=True))
    cost = _amount(by.pop("cost_high"), by.pop("cost_low"))
    return {name: value for name, value in {**by, "cost": cost}.items() if value}


def _beside_archives(found: list[Difference], archives: list[_Archive]) -> list[Difference]:
    """Those that archives do not explain: together, the hours of all archives are more by what these hold."""
    inside: list[Difference] = []
    outside: list[Difference] = []
    for each in found:
        (inside if any(one.since <= each.hour < one.until for one in archives) else outside).append(each)
    entries, prompt, completion, high, low = (sum(one.counts[place] for one in archives) for place in range(len(_KEPT)))
    held = {"prompt_tokens": prompt, "completion_tokens": completion, "cost": _amount(high, low)}
    more = {name: sum(each.by.get(name, 0) for each in inside) for name in held}
    counted = sum(each.by.get("requests", 0) + each.by.get("adjustments", 0) for each in inside)
    wrong = {name: more[name] - value for name, value in held.items() if more[name] != value}
    if counted != entries:
        wrong["requests"] = counted - entries
    return [*outside, Difference(min((one.since for one in archives), default=0), 0, wrong)] if wrong else outside
