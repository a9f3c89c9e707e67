"""What the first page of the window rests on, too long to add up for each visit: past days, the month elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

from weighbridge import db
from weighbridge.app.aside import Aside
from weighbridge.app.open_month import OpenMonth, open_month
from weighbridge.app.place import place
from weighbridge.catalog.model import Catalog
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.config import Settings
from weighbridge.ledger import daily
from weighbridge.ledger.search import Named, named
from weighbridge.ledger.spending import Used, used_by_keys
from weighbridge.ledger.tally import Sums
from weighbridge.ledger.within import Within

DAYS: Final = 31
"""That are looked at, today counted in: a month, and a chart."""
_PAST_FRESH: Final = 300.0
"""Seconds after which past days are added up again: what puts their entries right comes late."""
_MONTH_FRESH: Final = 600.0
_NAMED_FRESH: Final = 60.0
_WAIT: Final = 0.15
"""Seconds that a page waits for what was never added up: then it says so, and asks again."""
_SHORT_WAIT: Final = 0.05
"""The same for what a page does as well without."""


@dataclass(frozen=True, slots=True)
class Past:
    """The days before today."""

    days: Mapping[date, Sums]
    """Those on which there was something."""
    answered: Sequence[tuple[str, str, str]]
    """Who has answered on them: model, provider, and the model's name there."""


class Lately:
    """Of one window. Each raises db.Error where the ledger cannot be read."""

    def __init__(self, settings: Settings, catalog: Callable[[], Catalog]) -> None:
        self._settings, self._catalog = settings, catalog
        self._past: Aside[Past] = Aside(_PAST_FRESH)
        self._used: Aside[Mapping[str, Used]] = Aside(_PAST_FRESH, most=2, at_once=1)
        self._named: Aside[Named] = Aside(_NAMED_FRESH)
        self._elsewhere: Aside[OpenMonth] = Aside(_MONTH_FRESH, at_once=1)
        self._tokenizers: Tokenizers | None = None

    async def past(self, today: date, within: Within, *, wait: float = _WAIT) -> Past | None:
        """The days before today; None while they are added up for the first time."""
        return await self._past.get((today, within), partial(self._add_up, today, within), wait=wait)

    async def used(self, today: date, *, wait: float = _WAIT) -> Mapping[str, Used] | None:
        """What each key has used of this month before today; None while it is added up for the first time."""
        return await self._used.get(today, partial(self._use, today), wait=wait)

    async def named(self, keys: frozenset[str] | None, *, wait: float = _SHORT_WAIT) -> Named | None:
        """What requests of these keys (None: of all) are looked for by; None while that is read for the first time."""
        return await self._named.get(keys, partial(self._name, keys), wait=wait)

    async def elsewhere(self, now: datetime, within: Within, *, wait: float = _SHORT_WAIT) -> OpenMonth | None:
        """This month on open models; None while it is counted for the first time. Raises PolicyError."""
        since = _midnight(now.astimezone(UTC).date().replace(day=1))
        work = partial(self._count, since, now, within)
        return await self._elsewhere.get((since, within), work, wait=wait)

    def _add_up(self, today: date, within: Within) -> Past:
        since = today - timedelta(days=DAYS - 1)
        with closing(db.connect(place(self._settings))) as connection:
            days = daily.by_day(connection, since=since, until=today, within=within)
            return Past(days, daily.models_since(connection, since, within))

    def _use(self, today: date) -> Mapping[str, Used]:
        with closing(db.connect(place(self._settings))) as connection:
            return used_by_keys(connection, None, _midnight(today.replace(day=1)), _midnight(today))

    def _name(self, keys: frozenset[str] | None) -> Named:
        with closing(db.connect(place(self._settings))) as connection:
            return named(connection, keys)

    def _count(self, since: datetime, now: datetime, within: Within) -> OpenMonth:
        if self._tokenizers is None:
            self._tokenizers = Tokenizers()
        with closing(db.connect(place(self._settings))) as connection:
            return open_month(
                connection, self._settings, self._catalog(), self._tokenizers, since=since, now=now, within=within
            )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
