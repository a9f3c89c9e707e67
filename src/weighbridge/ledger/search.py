"""Looking for requests in the ledger: newest first, a page at a time, and never for longer than patience lasts.

Ids sort by time, so that a page goes on from the id before it. What many entries have in common (`kind`) is looked for
in the roll-ups, which know in which hours there is any of a kind: of a year only those hours are read. What each entry
has of its own (user, cost, times) has no index, and is read for: what comes of it says how far back that went, so that
whoever looks can go on from there.
"""
# ruff: noqa: S608 - the statements are put together from constants of this file

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger import store
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Ending, Entry

PATIENCE: Final = 0.12
"""Seconds that a page may look; the last look of it may go on for some hundredths more."""
_PLACES: Final = -SMALLEST.adjusted()
_FIRST_LOOK: Final = 4_000
"""Entries that are looked at before anybody asks where such entries are."""
_ONE_LOOK: Final = 0.02
"""Seconds that a look is to take."""
_MOST_KINDS: Final = 4_000
"""Kinds beyond which there are some in most hours."""
_FIRST_HOURS: Final = 2 * 24
_EARLY: Final = timedelta(minutes=1)
"""An id is made with the time of its entry, or a moment after."""
_EARLY_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_LAST: Final = "wbr-g"
"""Sorts behind every id."""
_json: Final = msgspec.json.Encoder()
_tags: Final = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for: entries to which all of it applies. None is any."""

    since: datetime | None = None
    until: datetime | None = None
    """Before then."""
    keys: frozenset[str] | None = None
    """Ids of the keys whose requests are looked at; none at all finds nothing."""
    model: str | None = None
    """An id, of the model that answered or was asked for; `lab/*` is any of a lab's."""
    endpoint: str | None = None
    """A provider, or `provider/name` of a model there."""
    user: str | None = None
    """As entries name users."""
    tag: str | None = None
    ending: Ending | None = None
    status: tuple[int, int] | None = None
    """From one to another, both included."""
    error: str | None = None
    """A code; `*` is any."""
    cost: tuple[Decimal | None, Decimal | None] = (None, None)
    """US dollars, at least and at most; an unknown cost is neither."""
    duration: tuple[float | None, float | None] = (None, None)
    """Seconds."""
    first_byte: tuple[float | None, float | None] = (None, None)
    """Seconds."""

    @property
    def is_anything(self) -> bool:
        """Whether every entry is looked for."""
        return self == Wanted()


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, newest first."""

    entries: tuple[Entry, ...]
    further: str | None
    """Where to go on looking, as `before`; None: there is no more."""
    reached: datetime | None = None
    """How far back all was looked at, where patience ended the search; None: something else did."""
    looks: int = 1
    """How often the ledger was looked into: of a page that was full at once, once."""


def search(
    connection: Connection,
    wanted: Wanted,
    *,
    before: str | None = None,
    limit: int = 50,
    patience: float = PATIENCE,
    seconds: Callable[[], float] = time.monotonic,
) -> Found:
    """The newest entries that are wanted, those with ids below `before` where it is given. Raises db.Error."""
    if wanted.keys is not None and not wanted.keys:
        return Found((), None)
    floor, top = _bounds(connection, wanted)
    top = top if before is None else min(top, before)
    looking = _Looking(connection, wanted, limit, seconds() + patience, seconds)
    ids = looking.down(floor, top)
    further, reached = ids[limit - 1] if len(ids) > limit else None, None
    if further is None and looking.stopped_at is not None:
        further, reached = looking.stopped_at, _moment_of(looking.stopped_at)
    return Found(tuple(store.some(connection, ids[:limit])), further, reached, looking.looks)


def adjusting(connection: Connection, receipt: str) -> list[Entry]:
    """The entries that put a receipt right: their ids begin as its own does. Raises db.Error."""
    low = receipt[:26]
    rows = connection.execute(
        "SELECT id FROM entry WHERE id >= ? AND id < ? AND corrects = ? ORDER BY id", (low, f"{low}g", receipt)
    ).fetchall()
    return store.some(connection, [id_ for (id_,) in rows])


@dataclass(frozen=True, slots=True)
class Named:
    """What there is to look for, by name; of each so many at most."""

    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def named(connection: Connection, keys: frozenset[str] | None, *, most: int = 500) -> Named:
    """What the entries of these keys (None: of all) have in common. Raises db.Error."""
    if keys is not None and not keys:
        return Named()
    which = "" if keys is None else f" WHERE key IN ({', '.join('?' * len(keys))})"
    rows = connection.execute(
        f"SELECT DISTINCT model, provider, upstream_model, error, tags FROM kind{which} LIMIT ?",
        (*sorted(keys or ()), 10 * most),
    ).fetchall()
    endpoints = {name for _, provider, model, _, _ in rows if provider for name in (provider, f"{provider}/{model}")}
    tags = {tag for row in rows if row[4] is not None for tag in _tags.decode(row[4])}
    names = ({row[0] for row in rows if row[0]}, endpoints, {row[3] for row in rows if row[3]}, tags)
    return Named(*(tuple(sorted(each)[:most]) for each in names))


def _bounds(connection: Connection, wanted: Wanted) -> tuple[str, str]:
    """The ids between which to look: from the first, to before the second."""
    (oldest,) = connection.execute("SELECT min(id) FROM entry").fetchone()
    floor = oldest or ""
    if wanted.since is not None:
        floor = max(floor, _id_at(microseconds(wanted.since - _EARLY) // 1000))
    top = _LAST if wanted.until is None else _id_at(microseconds(wanted.until + _EARLY) // 1000)
    return floor, top


def _id_at(milliseconds: int) -> str:
    return f"wbr-{max(0, milliseconds):012x}"


def _milliseconds(id_: str) -> int | None:
    """The time in an id, since 1970; None where it is not one of ours."""
    try:
        return int(id_[4:16], 16)
    except ValueError:
        return None


def _moment_of(id_: str) -> datetime | None:
    milliseconds = _milliseconds(id_)
    return None if milliseconds is None else moment(milliseconds * 1000)


@dataclass(slots=True)
class _Looking:
    """One search, while it lasts."""

    connection: Connection
    wanted: Wanted
    limit: int
    deadline: float
    seconds: Callable[[], float]
    stopped_at: str | None = None
    """Above this id all was looked at, and nothing below it."""
    looks: int = 0
    _step: int = 1
    """Milliseconds of the next look."""
    _found: list[str] = field(default_factory=list)
    _unlooked: int | None = None
    """The hour at which patience ended while hours were looked for."""

    def down(self, floor: str, top: str) -> list[str]:
        """The ids of one more than a page, or of what there is, or of what was found until patience ended."""
        own, alike = _of_entry(self.wanted), _of_kind(self.wanted)
        low = self._first(floor, top, _both(own, alike))
        if low is None or self._is_full:
            return self._found
        kinds = self._kinds(alike)
        if kinds is None:
            self._through(floor, low, _both(own, alike))
            return self._found
        of_kinds = _Condition((f"entry.kind IN ({', '.join('?' * len(kinds))})",), tuple(kinds))
        for hour in self._hours(kinds, floor, low):
            start = max(floor, _id_at(hour * _HOUR_MS - _EARLY_MS))
            end = min(low, _id_at((hour + 1) * _HOUR_MS + _EARLY_MS))
            if start < end and not self._through(start, end, _both(own, of_kinds)):
                break
            low = min(low, start)
        if self._unlooked is not None:
            self.stopped_at = min(low, _id_at((self._unlooked + 1) * _HOUR_MS + _EARLY_MS))
        return self._found

    @property
    def _is_full(self) -> bool:
        return len(self._found) > self.limit

    def _first(self, floor: str, top: str, which: "_Condition") -> str | None:
        """Look at the newest entries, whatever their time; where they end, or None where there are no more."""
        if self.wanted.is_anything:  # as many are read as are wanted
            self._look(floor, top, which)
            return None
        low = self.connection.execute(
            "SELECT id FROM entry WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1 OFFSET ?",
            (floor, top, _FIRST_LOOK - 1),
        ).fetchone()
        self._look(floor if low is None else low[0], top, which)
        if low is not None:
            (newest,) = self.connection.execute("SELECT max(id) FROM entry WHERE id < ?", (top,)).fetchone()
            self._step = max(1, (_milliseconds(newest) or 0) - (_milliseconds(low[0]) or 0))
        return None if low is None else str(low[0])

    def _through(self, start: str, end: str, which: "_Condition") -> bool:
        """Look at all from `end` down to `start`, in steps that take about as long; False: it is to be left at that."""
        while start < end:
            began = self.seconds()
            if began > self.deadline:
                self.stopped_at = end
                return False
            low = max(start, _id_at((_milliseconds(end) or 0) - self._step))
            low = start if low >= end else low
            self._look(low, end, which)
            if self._is_full:
                return False
            taken = self.seconds() - began
            self._step = max(1, round(self._step * min(2.0, max(0.25, _ONE_LOOK / max(taken, 1e-6)))))
            end = low
        return True

    def _look(self, low: str, top: str, which: "_Condition") -> None:
        """Find what is wanted from `low` to before `top`."""
        self.looks += 1
        sql = f"SELECT entry.id FROM {which.tables} WHERE {which.said} AND entry.id >= ? AND entry.id < ?"
        given = (*which.given, low, top, self.limit + 1 - len(self._found))
        rows = self.connection.execute(f"{sql} ORDER BY entry.id DESC LIMIT ?", given).fetchall()
        self._found += [id_ for (id_,) in rows]

    def _kinds(self, alike: "_Condition") -> list[int] | None:
        """What is wanted of what entries have in common, by the numbers of the kinds; None: most of them."""
        if not alike.conditions:
            return None
        sql = f"SELECT id FROM kind WHERE {' AND '.join(alike.conditions)} LIMIT ?"
        kinds = [number for (number,) in self.connection.execute(sql, (*alike.given, _MOST_KINDS + 1)).fetchall()]
        return kinds if len(kinds) <= _MOST_KINDS else None

    def _hours(self, kinds: list[int], floor: str, top: str) -> Iterator[int]:
        """The hours since 1970 in which there are entries of these kinds, the last first."""
        if not kinds:
            return
        # Hours stand in the statement itself: PostgreSQL reads all of them where it plans for any that may be bound.
        sql = f"SELECT DISTINCT hour FROM rollup WHERE kind IN ({', '.join('?' * len(kinds))}) AND hour BETWEEN"
        first, last = ((_milliseconds(each) or 0) // _HOUR_MS for each in (floor, top))
        first, last, step = first - 1, last + 1, _FIRST_HOURS  # an id may be a moment younger than its entry
        while last >= first:
            began = self.seconds()
            if began > self.deadline:
                self._unlooked = last
                return
            low = max(first, last - step)
            rows = self.connection.execute(f"{sql} {low} AND {last} ORDER BY hour DESC", kinds).fetchall()
            taken = self.seconds() - began
            yield from (hour for (hour,) in rows)
            last = low - 1
            step = max(1, round(step * min(4.0, max(0.25, _ONE_LOOK / max(taken, 1e-6)))))


@dataclass(frozen=True, slots=True)
class _Condition:
    """Conditions in SQL, of constants alone, and their values."""

    conditions: tuple[str, ...]
    given: tuple[object, ...]

    @property
    def tables(self) -> str:
        """What they are about: entries, and what these have in common where it is asked for."""
        # CROSS JOIN has SQLite read entries in their order, and each one's kind
        return "entry CROSS JOIN kind" if any("kind." in each for each in self.conditions) else "entry"

    @property
    def said(self) -> str:
        """All of them."""
        joined = ("kind.id = entry.kind",) if "kind" in self.tables else ()
        return " AND ".join((*joined, *self.conditions)) or "1 = 1"


def _both(one: _Condition, other: _Condition) -> _Condition:
    return _Condition((*one.conditions, *other.conditions), (*one.given, *other.given))


def _of_entry(wanted: Wanted) -> _Condition:
    """What is wanted of what an entry has of its own."""
    least_cost, most_cost = wanted.cost
    asked: tuple[tuple[str, object], ...] = (
        ("entry.at >= ?", None if wanted.since is None else microseconds(wanted.since)),
        ("entry.at < ?", None if wanted.until is None else microseconds(wanted.until)),
        ("entry.end_user = ?", wanted.user),
        ("entry.cost >= ?", None if least_cost is None else int(least_cost.scaleb(_PLACES))),
        ("entry.cost <= ?", None if most_cost is None else int(most_cost.scaleb(_PLACES))),
        ("entry.duration >= ?", _micro(wanted.duration[0])),
        ("entry.duration <= ?", _micro(wanted.duration[1])),
        ("entry.first_byte >= ?", _micro(wanted.first_byte[0])),
        ("entry.first_byte <= ?", _micro(wanted.first_byte[1])),
    )
    asked = tuple((condition, value) for condition, value in asked if value is not None)
    return _Condition(tuple(condition for condition, _ in asked), tuple(value for _, value in asked))


def _micro(duration: float | None) -> int | None:
    return None if duration is None else round(duration * 1e6)


def _of_kind(wanted: Wanted) -> _Condition:
    """What is wanted of what entries have in common."""
    conditions: list[str] = []
    given: list[object] = []

    def ask(condition: str, *values: object) -> None:
        conditions.append(condition)
        given.extend(values)

    if wanted.keys is not None:
        ask(f"kind.key IN ({', '.join('?' * len(wanted.keys))})", *sorted(wanted.keys))
    if wanted.model is not None and wanted.model.endswith("/*"):
        lab = wanted.model[:-2]
        bounds = (f"{lab}/", f"{lab}0")  # "0" is what follows the stroke
        ask("(kind.model >= ? AND kind.model < ? OR kind.asked_model >= ? AND kind.asked_model < ?)", *bounds, *bounds)
    elif wanted.model is not None:
        ask("(kind.model = ? OR kind.asked_model = ?)", wanted.model, wanted.model)
    if wanted.endpoint is not None:
        ask(
            "(kind.provider = ? OR kind.provider || '/' || kind.upstream_model = ?)",
            wanted.endpoint,
            wanted.endpoint,
        )
    if wanted.tag is not None:
        mark = _json.encode(wanted.tag).decode()
        mark = mark.replace("|", "||").replace("%", "|%").replace("_", "|_")
        ask("kind.tags LIKE ? ESCAPE '|'", f"%{mark}%")
    if wanted.ending is not None:
        ask("kind.ending = ?", wanted.ending)
    if wanted.status is not None:
        ask("kind.status BETWEEN ? AND ?", *wanted.status)
    if wanted.error == "*":
        ask("kind.error IS NOT NULL")
    elif wanted.error is not None:
        ask("kind.error = ?", wanted.error)
    return _Condition(tuple(conditions), tuple(given))
