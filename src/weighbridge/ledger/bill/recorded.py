"""The bill as it was: sums of what was recorded, with what is estimated, unpriced, put right or taken over named."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from weighbridge.ledger.bill.tally import Dimension, Group, Tally, group

Part = Literal["requests", "adjustments", "imported"]
"""Requests of ours, entries that put others right, and usage that did not pass through us."""
PARTS: Final[tuple[Part, ...]] = ("requests", "adjustments", "imported")
BY: Final[tuple[Dimension, ...]] = ("provider", "model", "price")
"""How a bill is told apart where nobody says: a price that changed has a line before and one after."""


@dataclass(slots=True)
class Line:
    """Sums of one group. Cost is US dollars."""

    entries: int = 0
    idle: int = 0
    """Those for which nothing was used."""
    estimated: int = 0
    """Those whose tokens nobody reported: counted from the text, or taken to be the most that it can have been."""
    unpriced: int = 0
    """Those for which something was used at a price that is not known: in the tokens, not in the cost."""
    given_again: int = 0
    prompt: int = 0
    cached: int = 0
    written: int = 0
    completion: int = 0
    reasoning: int = 0
    cost: Decimal = Decimal(0)

    def add(self, tally: Tally) -> None:
        """Count it in."""
        worked = tally.counted_by is not None
        self.entries += tally.entries
        self.idle += 0 if worked else tally.entries
        self.estimated += tally.entries if tally.counted_by in {"estimate", "bound"} else 0
        self.unpriced += tally.entries if worked and not tally.priced else 0
        self.given_again += tally.entries if tally.given_again else 0
        self.prompt += tally.prompt
        self.cached += tally.cached
        self.written += tally.written
        self.completion += tally.completion
        self.reasoning += tally.reasoning
        self.cost += tally.cost


class Bill:
    """Lines by part and group; tallies go in one by one, so that there may be any number."""

    def __init__(self, by: tuple[Dimension, ...] = BY) -> None:
        self.by = by
        self.lines: dict[Part, dict[Group, Line]] = {part: {} for part in PARTS}
        self.totals: dict[Part, Line] = {part: Line() for part in PARTS}

    def add(self, tally: Tally) -> None:
        """Count it in."""
        part = part_of(tally)
        self.lines[part].setdefault(group(tally, self.by), Line()).add(tally)
        self.totals[part].add(tally)

    @property
    def cost(self) -> Decimal:
        """All of it, in US dollars; what has no price is not in it."""
        return sum((total.cost for total in self.totals.values()), Decimal(0))


def part_of(tally: Tally) -> Part:
    """Which part of the bill it is in."""
    if tally.adjusts:
        return "adjustments"
    return "requests" if tally.imported is None else "imported"


def billed(tallies: Iterable[Tally], by: tuple[Dimension, ...] = BY) -> Bill:
    """The bill of them."""
    bill = Bill(by)
    for tally in tallies:
        bill.add(tally)
    return bill
