"""The same requests on another model: what they would have cost, between what and what, and what cannot be said.

Pure: tallies in, sums out. A sum of money is worked out in `cost.py`; how many tokens there would be, in `modelled.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from weighbridge.catalog.model import Price
from weighbridge.ledger.bill.modelled import Bases, Counts, Target, Traits, as_recorded, counts, too_long
from weighbridge.ledger.bill.tally import ZERO, Dimension, Group, Tally, Triple, group, plus
from weighbridge.ledger.cost import cost_together

Gap = Literal["not allowed", "not offered", "no price", "too long", "another kind", "unpriced"]
"""Why requests are in no comparison.

not allowed   whoever asked may not ask that endpoint
not offered   the endpoint did not serve the model on that day
no price      it did, at a price that is not known
too long      prompt and answer are longer than the model's context
another kind  embeddings against text, or text against embeddings
unpriced      what they cost here is not known: what they would have cost there is told apart
"""
GAPS: Final[tuple[Gap, ...]] = ("not allowed", "not offered", "no price", "too long", "another kind", "unpriced")
_STRANGER: Final = Traits()


@dataclass(slots=True)
class Sum:
    """Of some requests: what they cost, and what they would have cost (cheapest, expected, dearest). US dollars."""

    requests: int = 0
    entries: int = 0
    recorded: Decimal = Decimal(0)
    there: Triple = ZERO
    equal: Decimal = Decimal(0)
    """What the recorded tokens would have cost there, as they are: the comparison of price lists alone."""

    def add(self, tally: Tally, there: Triple = ZERO, equal: Decimal = Decimal(0)) -> None:
        """Count it in."""
        self.requests += tally.requests
        self.entries += tally.entries
        self.recorded += tally.cost
        self.there = plus(self.there, there)
        self.equal += equal


@dataclass(slots=True)
class Rest:
    """On what a part of the comparison rests, and how much of it does."""

    requests: int = 0
    recorded: Decimal = Decimal(0)


class Recount:
    """The comparison with one target; tallies go in one by one, so that there may be any number."""

    def __init__(
        self,
        target: Target,
        by: tuple[Dimension, ...],
        traits: Mapping[str | None, Traits],
        allowed: Callable[[Tally], bool] = lambda tally: True,
    ) -> None:
        """`traits` are those of the recorded models that are known; `allowed` says who may ask the target."""
        self.target = target
        self.by = by
        self.total = Sum()
        self.segments: dict[Group, Sum] = {}
        self.gaps: dict[Gap, Sum] = {}
        self.rests: dict[tuple[str | None, Bases], Rest] = {}
        """By the model that was replaced."""
        self.prices: dict[str, bool] = {}
        """The price rows that were used, by id, and whether each says since when it holds."""
        self._traits = traits
        self._allowed = allowed

    def add(self, tally: Tally) -> None:
        """Count it in; what nothing was used for is in no comparison."""
        if tally.counted_by is None:
            return
        if tally.given_again:  # so it would have been there
            self._count(tally, ZERO, Decimal(0))
            return
        recorded = self._traits.get(tally.model, _STRANGER)
        gap = self._gap(tally, recorded)
        if gap is not None:
            self.gaps.setdefault(gap, Sum()).add(tally)
            return
        price = self._price(tally)
        found, bases = counts(tally, self.target, recorded)
        low, middle, high = (cost_there(price, tally, each) for each in found)
        equal = cost_there(price, tally, as_recorded(tally))
        if not tally.priced:
            self.gaps.setdefault("unpriced", Sum()).add(tally, (low, middle, high), equal)
            return
        rest = self.rests.setdefault((tally.model, bases), Rest())
        rest.requests += tally.requests
        rest.recorded += tally.cost
        self._count(tally, (low, middle, high), equal)

    def _count(self, tally: Tally, there: Triple, equal: Decimal) -> None:
        self.segments.setdefault(group(tally, self.by), Sum()).add(tally, there, equal)
        self.total.add(tally, there, equal)

    def _gap(self, tally: Tally, recorded: Traits) -> Gap | None:
        endpoint = self.target.endpoint
        if recorded.embeds != self.target.traits.embeds:
            return "another kind"
        if not self._allowed(tally):
            return "not allowed"
        if not endpoint.served_on(tally.day):
            return "not offered"
        if endpoint.price_at(tally.at) is None:
            return "no price"
        return "too long" if too_long(tally, self.target) else None

    def _price(self, tally: Tally) -> Price:
        price = self.target.endpoint.price_at(tally.at)
        assert price is not None  # noqa: S101 - or there were a gap
        self.prices[price.id] = price.since is not None
        return price


def cost_there(price: Price, tally: Tally, found: Counts) -> Decimal:
    """What the tally's requests come to by another price row, in US dollars, with so many tokens."""
    return cost_together(
        price,
        requests=tally.requests,
        longest=found.longest,
        fresh=found.fresh,
        cached=found.cached,
        written=found.written,
        completion=found.completion,
    )


@dataclass(frozen=True, slots=True)
class Multiple:
    """How many times cheaper (`cheaper`) or dearer another model is, and between what and what.

    A bound of None has none: nothing at all is paid there, or the sign of the sums differs.
    """

    cheaper: bool
    times: Decimal
    low: Decimal | None
    high: Decimal | None

    def __str__(self) -> str:
        word = "cheaper" if self.cheaper else "dearer"
        low, high = ("?" if each is None else _short(each) for each in (self.low, self.high))
        if self.times == self.low == self.high == 1:
            return "the same"
        between = "" if low == high == _short(self.times) else f" ({low} to {high})"
        return f"{_short(self.times)}x {word}{between}"


def multiple(found: Sum) -> Multiple | None:
    """What was paid for one dollar there, or the inverse where that is dearer; None where one of them is nothing."""
    return _multiple(found.recorded, found.there)


def multiple_of_prices(found: Sum) -> Multiple | None:
    """The same of the price lists alone, as if the other model took the recorded tokens."""
    return _multiple(found.recorded, (found.equal, found.equal, found.equal))


def _multiple(paid: Decimal, there: Triple) -> Multiple | None:
    low, middle, high = there
    if paid <= 0 or middle <= 0:
        return None
    if middle <= paid:
        return Multiple(True, paid / middle, paid / high if high > 0 else None, paid / low if low > 0 else None)
    return Multiple(False, middle / paid, low / paid, high / paid)


def _short(times: Decimal) -> str:
    return f"{times:.1f}" if times < 100 else f"{times:.0f}"


def best(recounts: list[Recount]) -> Recount:
    """Of several endpoints of one model, the one that most of the money can be compared with, at the least there."""

    def place(recount: Recount) -> tuple[int, Decimal, str]:
        return -recount.total.entries, recount.total.there[1], recount.target.endpoint.id

    return min(recounts, key=place)
