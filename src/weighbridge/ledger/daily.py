"""Sums of whole days out of the roll-ups, for whoever looks at many days at once: one row a day, however many kinds.

A month of ten million entries in ninety days takes about a second, a day some hundredths: keep what is past.
"""
# ruff: noqa: S608 - the statements are put together from constants of this file

from datetime import date, timedelta
from typing import Final

from weighbridge.db import Connection, moment
from weighbridge.ledger.rollups import HOUR
from weighbridge.ledger.saved import GIVEN_AGAIN
from weighbridge.ledger.tally import BUCKETS, Sums
from weighbridge.ledger.within import ALL, Within

_DAY: Final = 24 * HOUR
_PLAIN: Final = (
    "requests", "adjustments", "unpriced", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens",
    "reasoning_tokens", "first_bytes", "first_byte", "duration",
)  # fmt: skip
_FIRST: Final = tuple(f"first_{one}" for one in range(BUCKETS))
_TOOK: Final = tuple(f"took_{one}" for one in range(BUCKETS))
_SUMMED: Final = (*_PLAIN, "cost_high", "cost_low", *_FIRST, *_TOOK)


def _counted(condition: str) -> str:
    return f"sum(CASE WHEN {condition} THEN rollup.requests ELSE 0 END)"


_OF_KIND: Final = (
    _counted("kind.ending = 'complete'"),
    _counted("kind.ending IN ('upstream_broke', 'refused', 'stopped')"),
    _counted("kind.counted_by IN ('estimate', 'bound')"),
    _counted(f"kind.price_id = '{GIVEN_AGAIN}' AND kind.ending = 'complete'"),
)
"""Complete, errors, estimated, given again: as in tally.Sums."""


def by_day(connection: Connection, *, since: date, until: date | None = None, within: Within = ALL) -> dict[date, Sums]:
    """The sums of each day (UTC) from `since` to before `until` on which there is something. Raises db.Error.

    What caches saved is not in them.
    """
    narrowed, given = within.sql()
    sums = ", ".join((*(f"sum(rollup.{name})" for name in _SUMMED), *_OF_KIND))
    sql = (
        f"SELECT rollup.hour / 24, {sums} FROM rollup JOIN kind ON kind.id = rollup.kind"
        f" WHERE rollup.hour >= ? AND rollup.hour < ?{narrowed} GROUP BY 1"
    )
    end = until or date.max
    rows = connection.execute(sql, (_hour(since), _hour(end), *given)).fetchall()
    return {moment(int(day) * _DAY).date(): _sums([int(each) for each in sums]) for day, *sums in rows}


def models_since(connection: Connection, since: date, within: Within = ALL) -> list[tuple[str, str, str]]:
    """Who has answered since then: model, provider, and the model's name there. Raises db.Error."""
    narrowed, given = within.sql()
    rows = connection.execute(
        "SELECT DISTINCT kind.model, kind.provider, kind.upstream_model FROM kind"
        " WHERE kind.model IS NOT NULL AND kind.provider IS NOT NULL AND kind.upstream_model IS NOT NULL"
        f" AND kind.imported IS NULL{narrowed}"
        " AND kind.id IN (SELECT rollup.kind FROM rollup WHERE rollup.hour >= ?) ORDER BY 1, 2, 3",
        (*given, _hour(since)),
    )
    return [(model, provider, name) for model, provider, name in rows]


def anything(connection: Connection, within: Within = ALL) -> bool:
    """Whether there is any entry at all, archived or not. Raises db.Error."""
    narrowed, given = within.sql()
    return connection.execute(f"SELECT 1 FROM kind WHERE 1 = 1{narrowed} LIMIT 1", given).fetchone() is not None


def _hour(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(hours=1)


def _sums(values: list[int]) -> Sums:
    plain = dict(zip(_PLAIN, values, strict=False))
    high, low = values[len(_PLAIN) : len(_PLAIN) + 2]
    start = len(_PLAIN) + 2
    first, took = values[start : start + BUCKETS], values[start + BUCKETS : start + 2 * BUCKETS]
    complete, errors, estimated, again = values[start + 2 * BUCKETS :]
    return Sums(
        **plain,
        complete=complete,
        errors=errors,
        estimated=estimated,
        given_again=again,
        cost=high * 1_000_000 + low,
        first=tuple(first),
        took=tuple(took),
    )
