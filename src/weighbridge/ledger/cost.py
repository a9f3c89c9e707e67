"""Tokens times price. The only place where money is worked out."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from weighbridge.catalog.model import Price
from weighbridge.ledger.entry import Charge
from weighbridge.wire.usage import Source, Usage, together

Number = int | Decimal
"""Tokens; a count that was worked out from another need not be whole."""

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


@dataclass(frozen=True, slots=True)
class Part:
    """What one kind of token adds to a cost, or a request as such: then `tokens` is 1, and `rate` of a million."""

    of: Literal["prompt", "cached", "written", "completion", "request"]
    """`prompt` is what was neither read from a cache nor written to it."""
    tokens: int
    rate: Decimal
    """US dollars for a million."""

    @property
    def amount(self) -> Decimal:
        """US dollars, not rounded."""
        return (self.tokens * self.rate).scaleb(_PER_MILLION)


def parts(usage: Usage, price: Price) -> list[Part]:
    """What a cost is made of; its parts, summed and rounded as an entry's cost, are what `cost` says."""
    prompt, cached, written = usage.prompt, usage.cached or 0, usage.written or 0
    each = (
        Part("prompt", max(0, prompt - cached - written), price.input.at(prompt)),
        Part("cached", cached, (price.cache_read or price.input).at(prompt)),
        Part("written", written, (price.cache_write or price.input).at(prompt)),
        Part("completion", usage.completion, price.output.at(prompt)),
        Part("request", 1, price.per_request.scaleb(-_PER_MILLION)),
    )
    return [part for part in each if part.amount or (part.tokens and part.of != "request")]


def cost_together(
    price: Price, *, requests: int, longest: Number, fresh: Number, cached: Number, written: Number, completion: Number
) -> Decimal:
    """What many answers cost by one price row, in US dollars: the sum of what each does.

    All their prompts are in the tier of the `longest`. `fresh` is what was neither read from a cache nor written to it.
    """
    sums = fresh * price.input.at(longest) + completion * price.output.at(longest)
    sums += cached * (price.cache_read or price.input).at(longest)
    sums += written * (price.cache_write or price.input).at(longest)
    return (sums.scaleb(_PER_MILLION) + requests * price.per_request).quantize(SMALLEST, ROUND_HALF_UP)


def prompt_units(tokens: int, price: Price) -> int:
    """What a prompt costs that was read and not answered, and of which nothing was cached; in 1e-12 US dollars."""
    whole = price.whole
    if whole is None:
        return int(cost(Usage(tokens, 0), price).scaleb(-_SMALLEST_PLACES))
    return tokens * whole[0] + whole[4]


def prompt_cost(tokens: int, price: Price) -> Decimal:
    """The same in US dollars."""
    return Decimal(prompt_units(tokens, price)).scaleb(_SMALLEST_PLACES)


def total(charges: Sequence[Charge]) -> Charge:
    """What several endpoints did for one request, as one charge.

    Its cost is known if all of them are. Who counted is the least sure of them, and the price row is named only if it
    was the same one.
    """
    first = charges[0]
    costs = [charge.cost for charge in charges if charge.cost is not None]
    alike = all(_row(charge) == _row(first) for charge in charges)
    return Charge(
        usage=together([charge.usage for charge in charges]),
        counted_by=min((charge.counted_by for charge in charges), key=_SURENESS.index),
        cost=sum(costs, Decimal(0)) if len(costs) == len(charges) else None,
        price_id=first.price_id if alike else None,
        price_source=first.price_source if alike else None,
        price_since=first.price_since if alike else None,
    )


_SURENESS: Final[tuple[Source, ...]] = ("bound", "estimate", "provider", "engine", "cache")
"""The least sure first: nobody counted, somebody else did, we did, and nobody had to."""


def _row(charge: Charge) -> tuple[str | None, str | None, str | None]:
    return charge.price_id, charge.price_source, charge.price_since


def plain(amount: Decimal) -> str:
    """A sum of money in digits, without exponent or trailing zeros: `0.0000042`."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
