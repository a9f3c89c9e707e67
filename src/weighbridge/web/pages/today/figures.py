"""Sums of days as the first page shows them: today, this month, and each day. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.questions import quantile
from weighbridge.ledger.tally import NOTHING, Sums, together

FEWEST_DAYS: Final = 7
"""Of a chart, be they empty."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some time. None is unknown: nothing was measured."""

    cost: Decimal
    """US dollars."""
    unpriced: int
    """Requests whose cost is not known, so not in it."""
    requests: int
    errors: int
    prompt: int
    cached: int
    completion: int
    first_half: float | None
    """Seconds until the first byte, which half of the requests needed at the most."""
    first_most: float | None
    """Nineteen of twenty."""
    took_half: float | None
    """Seconds until the end."""

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.prompt + self.completion

    @property
    def error_share(self) -> float | None:
        """Of the requests."""
        return self.errors / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of UTC."""

    day: date
    figures: Figures


@dataclass(frozen=True, slots=True)
class Lately:
    """What there is to show of the last days."""

    today: Figures
    yesterday: Figures
    month: Figures
    days: Sequence[Day]
    """Oldest first, today last."""


def lately(past: Mapping[date, Sums], today: Sums, on: date) -> Lately:
    """From the days before today on which there was something, and today."""
    sums = {**past, on: today}
    of_month = [each for day, each in sums.items() if (day.year, day.month) == (on.year, on.month)]
    first = min(*sums, on - timedelta(days=FEWEST_DAYS - 1))
    days = [first + timedelta(days=count) for count in range((on - first).days + 1)]
    return Lately(
        today=figures(today),
        yesterday=figures(sums.get(on - timedelta(days=1), NOTHING)),
        month=figures(together(of_month)),
        days=[Day(day, figures(sums.get(day, NOTHING))) for day in days],
    )


def figures(sums: Sums) -> Figures:
    """Of sums."""
    return Figures(
        cost=sums.cost * SMALLEST,
        unpriced=sums.unpriced,
        requests=sums.requests,
        errors=sums.errors,
        prompt=sums.prompt_tokens,
        cached=sums.cached_tokens,
        completion=sums.completion_tokens,
        first_half=quantile(sums.first, 0.5),
        first_most=quantile(sums.first, 0.95),
        took_half=quantile(sums.took, 0.5),
    )
