"""A bill's entries out of the roll-ups: the same sums in well under a second, however many entries there are.

What the hour's sums do not tell of each request is taken to be as in the mean of those that are alike: how long its
prompt was, so which tier of a price it is in and whether it fits into a context. A price that begins within an hour
holds for the whole of it. What puts entries right is in the sums of those. `reading.py` reads each entry, and knows.
"""
# ruff: noqa: S608 - the statements are put together from constants of this file and from numbers

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.bill import reading
from weighbridge.ledger.bill.book import Apart
from weighbridge.ledger.bill.modelled import Seen
from weighbridge.ledger.bill.reading import Progress, classes, midnights
from weighbridge.ledger.bill.tally import Cuts, Tally
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.rollups import HOUR
from weighbridge.ledger.within import ALL, Within

_tags: Final = msgspec.json.Decoder(tuple[str, ...])
_OF_KIND: Final = (
    "model", "asked_model", "provider", "key", "organisation", "project", "tags", "key_tags", "counted_by", "imported",
)  # fmt: skip
_SUMS: Final = (
    "requests", "unpriced", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens",
    "cost_high", "cost_low",
)  # fmt: skip


class _Kind(msgspec.Struct, array_like=True, frozen=True):
    model: str | None
    asked_model: str | None
    provider: str | None
    key: str
    organisation: str | None
    project: str | None
    tags: str | None
    key_tags: str | None
    counted_by: str | None
    imported: str | None


class _Sums(msgspec.Struct, array_like=True):
    requests: int = 0
    unpriced: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    cost_high: int = 0
    cost_low: int = 0


class InRollUps:
    """Entries of a time by the hour's sums. Raises db.Error."""

    def __init__(self, connection: Connection, since: datetime, until: datetime, within: Within = ALL) -> None:
        """From the hour of `since` to before `until`, aware."""
        self._connection, self._within = connection, within
        self._bounds = (microseconds(since) // HOUR, -(-microseconds(until) // HOUR))

    def models(self) -> list[str | None]:
        """As the book's."""
        return reading.models(self._connection)

    def seen_of(self, models: Sequence[str]) -> dict[str, Seen]:
        """As the book's."""
        return {model: reading.seen_of(self._connection, model) for model in models}

    def tallies(self, cuts: Cuts, apart: Collection[Apart], progress: Progress) -> Iterator[Tally]:
        """As the book's, but for users and prices, which are not told apart; who asked is where that is wanted."""
        told = _told(apart)
        found: dict[tuple[object, ...], tuple[int, _Kind, _Sums]] = {}
        progress(0, 1)
        for earliest, days, hours, kind, sums in self._rows(cuts):
            alike = _alike(kind, told)
            place = (days, hours, alike, sums.unpriced > 0, sums.reasoning > 0, sums.cached > 0)
            before = found.get(place)
            found[place] = earliest, alike, sums if before is None else _plus(before[2], sums)
        progress(1, 1)
        for earliest, kind, sums in found.values():
            yield _tally(earliest, kind, sums)

    def _rows(self, cuts: Cuts) -> Iterator[tuple[int, int, int, _Kind, _Sums]]:
        """The first hour, the classes of days and hours, the kind, and its sums."""
        at = f"rollup.hour * {HOUR}"
        days = "rollup.hour / 24" if cuts.days is None else classes(at, midnights(cuts.days), below=True)
        hours = classes(f"rollup.hour % 24 * {HOUR}", cuts.hours, below=True)
        sums = ", ".join(f"sum(rollup.{name}) AS {name}" for name in _SUMS)
        columns = ", ".join((*(f"kind.{name}" for name in _OF_KIND), *(f"summed.{name}" for name in _SUMS)))
        narrowed, given = self._within.sql()
        rows = self._connection.execute(
            f"SELECT summed.earliest, summed.days, summed.hours, {columns} FROM ("
            f"SELECT rollup.kind AS kind, {days} AS days, {hours} AS hours, min(rollup.hour) AS earliest, {sums}"
            " FROM rollup WHERE rollup.hour >= ? AND rollup.hour < ? GROUP BY 1, 2, 3) AS summed"
            f" JOIN kind ON kind.id = summed.kind WHERE 1 = 1{narrowed}",
            (*self._bounds, *given),
        )
        width = 3 + len(_OF_KIND)
        for row in rows.fetchall():
            kind = msgspec.convert(tuple(row[3:width]), _Kind)
            yield row[0], row[1], row[2], kind, _Sums(*map(int, row[width:]))


def _told(apart: Collection[Apart]) -> frozenset[str]:
    """The columns that are told apart."""
    own = {"tags": ("tags", "key_tags"), "model": (), "provider": ()}
    return frozenset(column for each in apart for column in own.get(each, (each,)))


def _alike(kind: _Kind, told: frozenset[str]) -> _Kind:
    return _Kind(
        kind.model or kind.asked_model,
        None,
        kind.provider,
        kind.key if "key" in told else "",
        kind.organisation if "organisation" in told else None,
        kind.project if "project" in told else None,
        kind.tags if "tags" in told else None,
        kind.key_tags if "tags" in told else None,
        kind.counted_by,
        kind.imported,
    )


def _plus(one: _Sums, other: _Sums) -> _Sums:
    return _Sums(*(mine + theirs for mine, theirs in zip(_values(one), _values(other), strict=True)))


def _values(sums: _Sums) -> tuple[int, ...]:
    return msgspec.structs.astuple(sums)


def _tally(earliest: int, kind: _Kind, sums: _Sums) -> Tally:
    count = max(1, sums.requests)
    return Tally(
        at=moment(earliest * HOUR),
        model=kind.model,
        provider=kind.provider,
        key=kind.key,
        organisation=kind.organisation,
        project=kind.project,
        tags=() if kind.tags is None else _tags.decode(kind.tags),
        key_tags=() if kind.key_tags is None else _tags.decode(kind.key_tags),
        counted_by=kind.counted_by,
        imported=kind.imported,
        priced=not sums.unpriced,
        entries=sums.requests,
        prompt=sums.prompt,
        completion=sums.completion,
        fresh=max(0, sums.prompt - sums.cached - sums.written),
        cached=sums.cached,
        written=sums.written,
        reasoning=min(sums.reasoning, sums.completion),
        untold=0 if sums.reasoning else sums.completion,
        cost=(sums.cost_high * Decimal(1_000_000) + sums.cost_low) * SMALLEST,
        longest=sums.prompt // count,
        longest_whole=(sums.prompt + sums.completion) // count,
    )
