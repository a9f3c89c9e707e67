"""What replays may cost: the most that each can is held before it is sent, so that the budget is never overrun."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Model
from weighbridge.ledger.budgets.bound import dearest, most_cost, most_prompt
from weighbridge.ledger.cost import SMALLEST
from weighbridge.wire.calls import read_chat

LONGEST_ANSWER: Final = 16_384
"""Tokens that a replay may write where neither its request nor its model has a limit."""


@dataclass(slots=True)
class Purse:
    """US dollars; without a budget there is no end to it."""

    budget: Decimal | None
    spent: Decimal
    held: Decimal = Decimal(0)

    def hold(self, amount: Decimal) -> bool:
        """Set it aside; False, and nothing done, where it is not there."""
        if self.budget is not None and self.spent + self.held + amount > self.budget:
            return False
        self.held += amount
        return True

    def settle(self, amount: Decimal, cost: Decimal) -> None:
        """What was held has become a cost."""
        self.held -= amount
        self.spent += cost


def most(body: bytes, model: Model, providers: Collection[str], now: datetime) -> tuple[Decimal, int | None]:
    """The most that a request may cost at these providers of a model; and the limit that it needs for that.

    The limit is None where the request or the model has one. Raises ValueError where a price is not known.
    """
    offers = [
        (model, endpoint.id, endpoint.price_at(now)) for endpoint in model.endpoints if endpoint.provider in providers
    ]
    rates = dearest(offers)
    if rates.unpriced is not None:
        raise ValueError(f"what {rates.unpriced} costs is not known")
    told = read_chat(body).most_tokens
    answer = told or rates.longest
    limit = LONGEST_ANSWER if answer is None else None
    units = most_cost(rates, most_prompt(body, chat=True), answer or LONGEST_ANSWER)
    return units * SMALLEST, limit
