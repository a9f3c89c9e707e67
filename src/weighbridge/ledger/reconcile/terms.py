"""By what lists are compared: rates of currencies, what is taken for rounding, and how tokens are priced again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final

from weighbridge.ledger.reconcile.line import Amounts, Cause, Line, Measure, Ours
from weighbridge.wire.usage import Usage

EXACT: Final = Context(prec=200)
"""Digits enough that no sum of costs is rounded."""

Reprice = Callable[[Ours, Usage], Decimal | None]
"""What so many tokens cost by the row that one of ours was priced by; None: that is not known, or not by the token."""


def _unknown(one: Ours, usage: Usage) -> Decimal | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what is compared."""

    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """US dollars for one unit of another currency."""
    tolerance: Decimal = Decimal(0)
    """US dollars that a request, or a sum, may differ by for its rounding."""
    reprice: Reprice = _unknown

    def rate(self, line: Line) -> Decimal | None:
        """US dollars for one unit of the line's currency; None: not known."""
        return Decimal(1) if line.currency == "USD" else self.rates.get(line.currency)

    def measures(self, line: Line) -> frozenset[Measure]:
        """What of the line can be compared."""
        return line.measures if self.rate(line) is not None else line.measures - {"cost"}

    def amounts(self, line: Line) -> Amounts:
        """What the line says of that."""
        return line.amounts(self.rate(line) or Decimal(1)).only(self.measures(line))

    def rounds(self, line: Line) -> Decimal:
        """What a cost of the line may differ by because it is rounded."""
        return Decimal(5).scaleb(-line.digits - 1) * (self.rate(line) or Decimal(1))


def guessed(ours: Ours) -> Cause | None:
    """Why the tokens of ours are none that the provider reported; None: they are."""
    if ours.counted_by == "bound":
        return "bound"
    if ours.counted_by == "estimate":
        return "client_left" if ours.left else "estimated"
    return None
