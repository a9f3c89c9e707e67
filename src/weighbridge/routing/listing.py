"""A model's endpoints as lists show them: the cheapest first, whoever asks."""

from datetime import datetime
from decimal import Decimal

from weighbridge.catalog.model import Endpoint, Model, Price

Listed = tuple[Endpoint, Price | None]


def cheapest_first(model: Model, when: datetime) -> list[Listed]:
    """The model's endpoints with the price row in force, by list price for chat traffic, unknown prices last."""
    return sorted(((endpoint, endpoint.price_at(when)) for endpoint in model.endpoints), key=_rank)


def _rank(listed: Listed) -> tuple[bool, Decimal, str]:
    endpoint, price = listed
    if price is None:
        return True, Decimal(0), endpoint.provider
    # chat traffic reads about three tokens for each that it writes
    return False, 3 * price.input.base + price.output.base, endpoint.provider
