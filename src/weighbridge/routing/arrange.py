"""The order in which endpoints that may answer are asked: values in, values out.

Where nothing else is asked for, requests are spread: what costs nothing first, then the priced by 1/cost², so that a
host at half the price gets four times the requests, then those whose price is not known.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import msgspec

from weighbridge.routing.candidate import Candidate
from weighbridge.routing.conditions import means
from weighbridge.routing.draw import drawn, reach
from weighbridge.wire.preferences import Preferences, Sorted, Sorting


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


def groups(
    candidates: Sequence[Candidate], wanted: Preferences | None, sort: Sorted | None = None
) -> tuple[Group, ...]:
    """The endpoints of a model, or of several that are held against each other, in groups that follow each other.

    `sort` holds where the request does not say; None spreads.
    """
    order = None if wanted is None else wanted.order
    first = _ordered(candidates, order or ())
    rest = [one for one in candidates if one not in first]
    if order is not None and wanted is not None and wanted.allow_fallbacks is False:
        rest = []
    by = _sort(wanted) or sort
    found = [Group(tuple(first))] if first else []
    if rest:
        found += _spread(rest) if by is None else [Group(tuple(sorted(rest, key=_RANKS[by])))]
    return tuple(found)


def _sort(wanted: Preferences | None) -> Sorted | None:
    if wanted is None:
        return None
    return wanted.sort.by if isinstance(wanted.sort, Sorting) else wanted.sort


def _ordered(candidates: Sequence[Candidate], order: Sequence[str]) -> list[Candidate]:
    first: list[Candidate] = []
    for name in order:
        first += [one for one in sorted(candidates, key=_by_price) if means(name, one.endpoint) and one not in first]
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


_RANKS: dict[Sorted, Rank] = {"price": _by_price, "latency": _by_latency, "throughput": _by_throughput}
