"""What a ledger has seen of a model: how long it reasons, how much of its prompts comes from a cache. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final, NamedTuple

from weighbridge.ledger.bill.modelled import Seen
from weighbridge.ledger.bill.tally import Triple

ENOUGH: Final = 100
"""Requests from which on what was seen is believed."""
_TENTH: Final = Decimal("0.1")
_FEW: Final = 3
_AROUND: Final = (Decimal("0.5"), Decimal("1.5"))
"""The range around a rate that was seen in fewer than _FEW groups."""


class Sight(NamedTuple):
    """Sums of one key's requests of one day at one provider."""

    provider: str
    requests: int
    prompt: int
    cached: int
    completion: int
    reasoning: int


def seen(sights: Iterable[Sight]) -> Seen:
    """What is to be expected, with a range that holds it for four fifths of the tokens, by key and day."""
    known = sorted(sights, key=lambda sight: sight.provider)
    cached = {
        provider: rate
        for provider, own in groupby(known, key=lambda sight: sight.provider)
        if (rate := _cache(list(own))) is not None
    }
    return Seen(sum(sight.requests for sight in known), _reasoning(known), cached)


def _reasoning(sights: Sequence[Sight]) -> Triple | None:
    """Where no answer says that it reasoned, its providers do not say, or it does not: nothing was seen."""
    if not any(sight.reasoning for sight in sights):
        return None
    return _rate(sights, [(sight.reasoning, sight.completion - sight.reasoning) for sight in sights])


def _cache(sights: Sequence[Sight]) -> Triple | None:
    """From the most to the least: a cached token is the cheaper one."""
    rate = _rate(sights, [(sight.cached, sight.prompt) for sight in sights])
    return None if rate is None else (min(rate[2], Decimal(1)), rate[1], rate[0])


def _rate(sights: Sequence[Sight], parts: Sequence[tuple[int, int]]) -> Triple | None:
    whole = sum(of for _, of in parts)
    if sum(sight.requests for sight in sights) < ENOUGH or whole <= 0:
        return None
    middle = Decimal(sum(part for part, _ in parts)) / whole
    rates = sorted((part / of, of, part) for part, of in parts if of > 0)  # there may be many: floats are in that order
    if len(rates) < _FEW:
        return middle * _AROUND[0], middle, middle * _AROUND[1]
    low, high = _quantile(rates, _TENTH * whole), _quantile(rates, (1 - _TENTH) * whole)
    return min(low, middle), middle, max(high, middle)


def _quantile(rates: Sequence[tuple[float, int, int]], weight: Decimal) -> Decimal:
    passed = 0
    for _, of, part in rates:
        passed += of
        if passed >= weight:
            return Decimal(part) / of
    _, of, part = rates[-1]
    return Decimal(part) / of
