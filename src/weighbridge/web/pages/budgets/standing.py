"""How budgets stand: for each whom it binds what is used, what is left, and when it renews."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.budgets.budget import EACH, Budget, window
from weighbridge.ledger.budgets.uses import MOST_COUNTED, standing
from weighbridge.ledger.cost import SMALLEST

MOST_SUBJECTS: Final = 10
"""Of a budget for each: the most used are shown."""
_RENEWS: Final = ("minute", "day", "week", "month")


@dataclass(frozen=True, slots=True)
class Share:
    """What one subject has used of a budget, in its unit."""

    subject: str
    used: Decimal
    in_advance: Decimal
    """Of what is left: what workers have for the next requests."""
    left: Decimal


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget in its period."""

    budget: Budget
    amount: Decimal
    shares: tuple[Share, ...]
    """The most used first; one for a budget that is not for each."""
    others: int
    """Subjects beside these."""
    renews: datetime | None

    @property
    def has_more_than_counted(self) -> bool:
        """Whether the others may be more."""
        return self.others >= MOST_COUNTED

    @property
    def share(self) -> float:
        """Of the amount, what the one that has used most has used."""
        return float(max((each.used for each in self.shares), default=Decimal(0)) / self.amount)

    @property
    def is_near(self) -> bool:
        """Whether it is worth a look: by its own warning, or at four fifths."""
        return self.share * 100 >= (self.budget.soft or 80)


def standings(connection: Connection, budgets: Sequence[Budget], now: datetime) -> list[Standing]:
    """Each of them as it stands. Raises db.Error."""
    found_of = standing(connection, budgets, microseconds(now), most=MOST_SUBJECTS)
    found = []
    for budget in budgets:
        most = found_of[budget.id]
        shares = [_share(budget, use.claim.subject, use.used, use.granted) for use in most.uses]
        if not shares and budget.name != EACH:
            shares = [_share(budget, budget.name, 0, 0)]
        ends = window(budget.period, microseconds(now)).ends
        renews = moment(ends) if budget.period in _RENEWS else None
        found.append(Standing(budget, _amount(budget, budget.amount), tuple(shares), most.others, renews))
    return found


def _share(budget: Budget, subject: str, used: int, granted: int) -> Share:
    left = max(0, budget.amount - used)
    return Share(subject, _amount(budget, used), _amount(budget, min(granted, left)), _amount(budget, left))


def _amount(budget: Budget, amount: int) -> Decimal:
    return amount * SMALLEST if budget.unit == "usd" else Decimal(amount)
