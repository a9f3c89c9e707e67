"""What keys have spent, from the sums by hour: for many keys at once, however long the ledger is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.db import Connection, microseconds
from weighbridge.ledger.cost import SMALLEST

_HOUR: Final = 3_600_000_000
_NEVER: Final = 2**40
"""An hour that does not come."""


def spent_by_keys(
    connection: Connection, keys: Sequence[str], since: Sequence[datetime]
) -> Mapping[str, Sequence[Decimal]]:
    """US dollars by key, since the hour of each of the times; an unknown cost counts nothing. Raises db.Error."""
    if not keys:
        return {}
    parts = [
        f"coalesce(sum(CASE WHEN rollup.hour >= ? THEN rollup.{part} ELSE 0 END), 0)"
        for _ in since
        for part in ("cost_high", "cost_low")
    ]
    hours = [microseconds(each) // _HOUR for each in since for _ in range(2)]
    marks = ", ".join("?" * len(keys))
    rows = connection.execute(
        f"SELECT kind.key, {', '.join(parts)} FROM kind JOIN rollup ON rollup.kind = kind.id"  # noqa: S608 - constants
        f" WHERE kind.key IN ({marks}) GROUP BY kind.key",
        (*hours, *keys),
    )
    found = dict.fromkeys(keys, tuple(Decimal(0) for _ in since))
    for key, *sums in rows:
        pairs = zip(sums[::2], sums[1::2], strict=True)
        found[key] = tuple((int(high) * Decimal(1_000_000) + int(low)) * SMALLEST for high, low in pairs)
    return found


@dataclass(frozen=True, slots=True)
class Used:
    """What a key has used. Cost is US dollars; an unknown one counts nothing."""

    requests: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, other: "Used") -> "Used":
        """Both together."""
        return Used(self.requests + other.requests, self.tokens + other.tokens, self.cost + other.cost)


def used_by_keys(
    connection: Connection, keys: Sequence[str] | None, since: datetime, until: datetime | None = None
) -> Mapping[str, Used]:
    """By key (None: all), from the hour of `since` to before that of `until`; who has used nothing is not in it.

    Raises db.Error.
    """
    if keys is not None and not keys:
        return {}
    which = "" if keys is None else f" WHERE kind.key IN ({', '.join('?' * len(keys))})"
    before = _NEVER if until is None else microseconds(until) // _HOUR
    rows = connection.execute(
        "SELECT kind.key, sum(requests), sum(tokens), sum(high), sum(low) FROM ("  # noqa: S608 - constants
        "SELECT kind, sum(requests) AS requests, sum(prompt_tokens + completion_tokens) AS tokens,"
        " sum(cost_high) AS high, sum(cost_low) AS low FROM rollup WHERE hour >= ? AND hour < ? GROUP BY kind"
        f") AS summed JOIN kind ON kind.id = summed.kind{which} GROUP BY kind.key",
        (microseconds(since) // _HOUR, before, *(keys or ())),
    )
    return {
        key: Used(int(requests), int(tokens), (int(high) * Decimal(1_000_000) + int(low)) * SMALLEST)
        for key, requests, tokens, high, low in rows
    }
