"""What was saved by giving answers again: the entry of such an answer names the one that paid for it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Entry

GIVEN_AGAIN: Final = "cache"
"""The price of an answer that was given again: nothing."""
_BEGINNING: Final = moment(0)


@dataclass(frozen=True, slots=True)
class Saved:
    """US dollars that answers would have cost, had they been asked for anew; `unpriced` of them have no price."""

    answers: int
    unpriced: int
    cost: Decimal


def original(entry: Entry) -> str | None:
    """The receipt of the answer that was given again; None where it was no such answer."""
    charge = entry.charge
    return entry.upstream_request if charge is not None and charge.price_id == GIVEN_AGAIN else None


def saved(connection: Connection, *, since: datetime = _BEGINNING) -> Saved:
    """Over all entries from `since` on. Raises db.Error."""
    answers, unpriced, high, low = connection.execute(
        "SELECT count(*), count(*) - count(original.cost), coalesce(sum(original.cost / 1000000), 0),"
        " coalesce(sum(original.cost % 1000000), 0)"
        " FROM kind JOIN entry ON entry.kind = kind.id LEFT JOIN entry AS original"
        " ON original.id = entry.upstream_request"
        " WHERE kind.price_id = ? AND kind.ending = 'complete' AND entry.at >= ?",
        (GIVEN_AGAIN, microseconds(since)),
    ).fetchone()
    return Saved(answers, unpriced, (high * Decimal(1_000_000) + low) * SMALLEST)
