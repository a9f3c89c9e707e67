"""The order in which endpoints that may answer are asked: values in, values out.

Where nothing else is asked for, requests are spread: what costs nothing first, then the priced by 1/cost², so that a
host at half the price gets four times the requests, then those whose price is not known.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.routing import health
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.draw import drawn, reach
from weighbridge.routing.slugs import Named
from weighbridge.wire.preferences import Percentiles, Preferences, Sorted, Sorting


class Group(msgspec.Struct, frozen=True):
    """Endpoints that are asked before the next group's."""

    candidates: tuple[Candidate, ...]
    reaches: list[float] | None = None
    """Where they are drawn by weight; None: asked in this order."""

    def ordered(self, seed: int) -> Iterator[Candidate]:
        """In the order that this seed gives."""
        if self.reaches is None:
            return iter(self.candidates)
        return map(self.candidates.__getitem__, drawn(self.reaches, seed))


def arranged(
    rivals: Sequence[Sequence[Candidate]], wanted: Preferences | None, sort: Sorted | None = None
) -> tuple[Group, ...]:
    """The endpoints in groups that follow each other, from lists of those that are held against each other.

    A list is a model's, or that of several models. What is slower than the preferences would have it comes after all
    that is not, so that a fallback may come before the model asked for. `sort` holds where the request does not say;
    None spreads.
    """
    if wanted is None:
        return tuple(group for each in rivals for group in _laid_out(each, sort))
    named = [Named([name]) for name in wanted.order or ()]
    by = _sort(wanted) or sort or ("price" if named else None)  # who orders or sorts does not spread
    tiers: tuple[list[Group], ...] = ([], [], [])
    for each in rivals:
        first = _ordered(each, named)
        if first:
            tiers[_KEPT].append(Group(tuple(first)))
        rest = [one for one in each if one not in first] if first else each
        for tier, those in _tiered(rest, wanted):
            tiers[tier].extend(_laid_out(those, by))
    return tuple(group for tier in tiers for group in tier)


def _sort(wanted: Preferences) -> Sorted | None:
    return wanted.sort.by if isinstance(wanted.sort, Sorting) else wanted.sort


def _laid_out(candidates: Sequence[Candidate], by: Sorted | None) -> Iterator[Group]:
    if by is None:
        yield from _spread(candidates)
    elif candidates:
        yield Group(tuple(sorted(candidates, key=_RANKS[by])))


def _ordered(candidates: Sequence[Candidate], order: Sequence[Named]) -> list[Candidate]:
    first: list[Candidate] = []
    for named in order:
        those = [one for one in candidates if one.endpoint in named and one not in first]
        first += sorted(those, key=_by_price)
    return first


def _spread(candidates: Sequence[Candidate]) -> Iterator[Group]:
    free = [one for one in candidates if one.cost == 0]
    priced = [one for one in candidates if one.cost]
    unpriced = [one for one in candidates if one.cost is None]
    if free:
        yield Group(tuple(free), reach([1.0] * len(free)))
    if priced:
        yield Group(tuple(priced), reach([float(one.cost or 1) ** -2 for one in priced]))
    if unpriced:
        yield Group(tuple(unpriced), reach([1.0] * len(unpriced)))


Rank = Callable[[Candidate], tuple[bool, float | Decimal, str]]


def _by_price(one: Candidate) -> tuple[bool, float | Decimal, str]:
    return one.cost is None, one.cost or Decimal(0), one.endpoint.id


def _by_latency(one: Candidate) -> tuple[bool, float | Decimal, str]:
    seen = None if one.state is None else one.state.latency
    return seen is None, 0.0 if seen is None else seen.p50 or 0.0, one.endpoint.id


def _by_throughput(one: Candidate) -> tuple[bool, float | Decimal, str]:
    seen = None if one.state is None else one.state.throughput
    return seen is None, 0.0 if seen is None else -(seen.p50 or 0.0), one.endpoint.id


_RANKS: Final[dict[Sorted, Rank]] = {"price": _by_price, "latency": _by_latency, "throughput": _by_throughput}

_KEPT, _UNKNOWN, _MISSED = range(3)
"""Whether an endpoint is as fast as is preferred: known to be, not known, known not to be."""


def _tiered(candidates: Sequence[Candidate], wanted: Preferences) -> Iterator[tuple[int, Sequence[Candidate]]]:
    if wanted.preferred_min_throughput is None and wanted.preferred_max_latency is None:
        yield _KEPT, candidates
        return
    tiers: tuple[list[Candidate], ...] = ([], [], [])
    for one in candidates:
        tiers[_speed(one, wanted)].append(one)
    yield from enumerate(tiers)


def _speed(one: Candidate, wanted: Preferences) -> int:
    state = one.state
    slowest = _held(None if state is None else state.throughput, wanted.preferred_min_throughput, least=True)
    longest = _held(None if state is None else state.latency, wanted.preferred_max_latency, least=False)
    return max(slowest, longest)


_SHARES: Final = ("p50", "p75", "p90", "p99")


def _held(seen: health.Percentiles | None, bound: float | Percentiles | None, *, least: bool) -> int:
    """Whether what was seen keeps all the bounds, which are the least or the most that it may be."""
    if bound is None:
        return _KEPT
    if seen is None:
        return _UNKNOWN
    bounds = bound if isinstance(bound, Percentiles) else Percentiles(p50=bound)
    for share in _SHARES:
        limit, found = getattr(bounds, share), getattr(seen, share)
        if limit is not None and (found < limit if least else found > limit):
            return _MISSED
    return _KEPT
