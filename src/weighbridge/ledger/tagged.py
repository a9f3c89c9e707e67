"""What requests with a mark of their own have cost."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from weighbridge.db import Connection, microseconds
from weighbridge.ledger.cost import SMALLEST

_EARLY: Final = timedelta(hours=1)
"""Ids sort by time, to about so much."""


def spent_on(connection: Connection, tag: str, since: datetime) -> Decimal:
    """What all entries from `since` on that are marked with a tag cost, in US dollars; an unknown cost counts nothing.

    Raises db.Error.
    """
    mark = tag.replace("|", "||").replace("%", "|%").replace("_", "|_")
    first = f"wbr-{max(0, microseconds(since - _EARLY)) // 1000:012x}"
    high, low = connection.execute(
        "SELECT coalesce(sum(cost / 1000000), 0), coalesce(sum(cost % 1000000), 0) FROM entry"
        " JOIN kind ON kind.id = entry.kind WHERE entry.id >= ? AND kind.tags LIKE ? ESCAPE '|'",
        (first, f'%"{mark}"%'),
    ).fetchone()
    return (int(high) * Decimal(1_000_000) + int(low)) * SMALLEST
