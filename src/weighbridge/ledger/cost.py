"""Tokens times price. The only place where money is worked out."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from weighbridge.catalog.model import Price
from weighbridge.wire.usage import Usage

SMALLEST: Final = Decimal("1E-12")
"""US dollars. An entry's cost is rounded once, to this; list prices are whole multiples of it per token."""

_SMALLEST_PLACES: Final = SMALLEST.adjusted()
_PER_MILLION: Final = -6
"""As a power of ten: moving the point takes a third of the time of a division, and is exact."""


def cost(usage: Usage, price: Price) -> Decimal:
    """What an answer cost by a price row, in US dollars.

    Cached and written prompt tokens are part of the prompt and pay their own rate where the row has one.
    """
    prompt, cached, written = usage.prompt, usage.cached or 0, usage.written or 0
    fresh = prompt - cached - written if prompt > cached + written else 0
    if price.whole is not None:
        a_fresh, an_answered, a_read, a_written, a_request = price.whole
        exact = fresh * a_fresh + usage.completion * an_answered + cached * a_read + written * a_written + a_request
        return Decimal(exact).scaleb(_SMALLEST_PLACES)
    sums = fresh * price.input.at(prompt) + usage.completion * price.output.at(prompt)
    if cached:
        sums += cached * (price.cache_read or price.input).at(prompt)
    if written:
        sums += written * (price.cache_write or price.input).at(prompt)
    return (sums.scaleb(_PER_MILLION) + price.per_request).quantize(SMALLEST, ROUND_HALF_UP)


def plain(amount: Decimal) -> str:
    """A sum of money in digits, without exponent or trailing zeros: `0.0000042`."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
