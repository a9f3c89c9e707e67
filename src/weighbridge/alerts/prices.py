"""Prices that change: each endpoint's as it was seen last is kept, and another one is told, once for all workers."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from weighbridge.alerts import outbox
from weighbridge.alerts.event import Event
from weighbridge.db import Connection, transaction

Price = Mapping[str, str | None]
"""US dollars in digits by rate: `input` and `output` for a million tokens, and so on."""


def note(connection: Connection, prices: Mapping[str, Price], *, now: datetime) -> int:
    """Write down the prices of endpoints, and tell of those that are others than before; how many. Raises db.Error.

    An endpoint that was never seen is no change, nor is one that is gone.
    """
    known = {
        endpoint: msgspec.json.decode(price, type=dict[str, str | None])
        for endpoint, price in connection.execute("SELECT endpoint, price FROM price_seen")
    }
    new = {endpoint: price for endpoint, price in prices.items() if known.get(endpoint) != price}
    told = 0
    if not new:
        return told
    with transaction(connection):
        for endpoint, price in new.items():
            connection.execute(
                "INSERT INTO price_seen (endpoint, price) VALUES (?, ?)"
                " ON CONFLICT (endpoint) DO UPDATE SET price = excluded.price",
                (endpoint, msgspec.json.encode(price, order="sorted").decode()),
            )
            before = known.get(endpoint)
            if before is not None:
                told += outbox.put(connection, _changed(endpoint, before, price, now))
    return told


def _changed(endpoint: str, before: Price, after: Price, now: datetime) -> Event:
    both = msgspec.json.encode([before, after], order="sorted")
    rates = {**before, **after}
    figures = {
        **{f"{rate}_before": before.get(rate) for rate in rates if before.get(rate) != after.get(rate)},
        **{f"{rate}_after": after.get(rate) for rate in rates if before.get(rate) != after.get(rate)},
    }
    return Event(
        type="price.changed",
        at=now,
        subject={"endpoint": endpoint, "provider": endpoint.partition("/")[0]},
        figures=figures,
        mark=f"price.changed {endpoint} {now:%Y-%m-%d} {hashlib.sha256(both).hexdigest()[:16]}",
    )
