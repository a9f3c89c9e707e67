"""How a model's prices came to be what they are: each endpoint's own steps, and where the cheapest price came from.

Days are whole, by the prices of their noon (UTC): what an endpoint charges at some hours only is no step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from weighbridge.catalog.model import Endpoint, Model, Price

Cause = Literal["first", "entered", "lowered", "raised", "left"]
"""The first price that is known; another endpoint began to serve it for less; the price itself went down, or up; the
cheapest endpoint was no more."""


@dataclass(frozen=True, slots=True)
class Change:
    """An endpoint's price from a day on; without a day, as far back as is known."""

    endpoint: Endpoint
    on: date | None
    before: Price | None
    after: Price | None
    """None: it is served no more."""


@dataclass(frozen=True, slots=True)
class Step:
    """Another cheapest price of output, from a day on."""

    on: date | None
    cause: Cause
    endpoint: Endpoint
    """Whose deed it was."""
    before: Decimal | None
    """US dollars for a million output tokens."""
    after: Decimal | None
    cheapest: Endpoint | None
    """Who serves it at that price; None: nobody does, or at no known price."""


def changes(model: Model) -> list[Change]:
    """What is known of all its endpoints, the newest first; rows that say the same price again are no change."""
    found = [change for endpoint in model.endpoints for change in _changes(endpoint)]
    return sorted(found, key=lambda each: (each.on or date.min, each.endpoint.id), reverse=True)


def steps(model: Model, until: date) -> list[Step]:
    """How its cheapest price of output moved until that day, the newest first."""
    days = sorted({day for endpoint in model.endpoints for day in _days(endpoint) if day <= until})
    found: list[Step] = []
    before = _cheapest(model.endpoints, days[0] - timedelta(1) if days else until)
    if before is not None:
        found.append(Step(None, "first", before[0], None, before[1], before[0]))
    for day in days:
        after = _cheapest(model.endpoints, day)
        if before is not None and after is None:
            found.append(Step(day, "left", before[0], before[1], None, None))
        elif after is not None and (before is None or before[1] != after[1]):
            found.append(_step(day, before, after))
        before = after
    return found[::-1]


def price_on(endpoint: Endpoint, day: date) -> Price | None:
    """What it charged at noon; None where it did not serve the model yet, or no more, or the price is not known."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    if not endpoint.served_on(day) or not any(price.in_force(noon) for price in endpoint.prices):
        return None
    return endpoint.price_at(noon)


def by_the_hour(endpoint: Endpoint, day: date) -> list[Price]:
    """The rows that hold at some hours of that day only."""
    return [
        price for price in endpoint.prices if price.hours is not None and (price.since is None or price.since <= day)
    ]


def _days(endpoint: Endpoint) -> Iterator[date]:
    """Those on which something may begin."""
    yield from (day for day in (endpoint.since, endpoint.until) if day is not None)
    yield from (price.since for price in endpoint.prices if price.since is not None)


def _changes(endpoint: Endpoint) -> Iterator[Change]:
    days = sorted(set(_days(endpoint)))
    before = price_on(endpoint, days[0] - timedelta(1)) if days else _always(endpoint)
    if before is not None:
        yield Change(endpoint, None, None, before)
    for day in days:
        after = price_on(endpoint, day)
        if (before is None) != (after is None) or (before and after and _rates(before) != _rates(after)):
            yield Change(endpoint, day, before, after)
        before = after


def _always(endpoint: Endpoint) -> Price | None:
    return endpoint.price_at(datetime(2000, 1, 1, 12, tzinfo=UTC))


def _rates(price: Price) -> tuple[object, ...]:
    return price.input, price.output, price.cache_read, price.cache_write, price.per_request


_Offer = tuple[Endpoint, Decimal]


def _cheapest(endpoints: Sequence[Endpoint], day: date) -> _Offer | None:
    priced = [(each, price.output.base) for each in endpoints if (price := price_on(each, day)) is not None]
    return min(priced, key=lambda offer: (offer[1], offer[0].id), default=None)


def _step(day: date, before: _Offer | None, after: _Offer) -> Step:
    if before is None:
        return Step(day, "first", after[0], None, after[1], after[0])
    if after[1] < before[1]:
        is_new = price_on(after[0], day - timedelta(1)) is None
        return Step(day, "entered" if is_new else "lowered", after[0], before[1], after[1], after[0])
    is_gone = price_on(before[0], day) is None
    return Step(day, "left" if is_gone else "raised", before[0], before[1], after[1], after[0])
