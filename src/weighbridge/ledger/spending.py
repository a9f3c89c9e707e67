"""What keys have spent, from the sums by hour: for many keys at once, however long the ledger is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.db import Connection, microseconds
from weighbridge.ledger.cost import SMALLEST

_HOUR: Final = 3_600_000_000


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
