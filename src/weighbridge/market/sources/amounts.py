"""Amounts of money and counts as sources write them: exact, and never below nothing."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Final

from weighbridge.ledger.cost import plain

_MOST: Final = Decimal(1_000_000)
"""US dollars for a million tokens; above it a price is in another unit."""


def digits(amount: object, *, times: int = 1) -> str | None:
    """An amount as decimal digits; None stays None. Raises ValueError for what is no price."""
    if amount is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
        raise ValueError(f"{amount!r} is no amount")
    try:
        exact = Decimal(amount) * times
    except InvalidOperation as error:
        raise ValueError(f"{amount!r} is no amount") from error
    if not exact.is_finite() or not 0 <= exact <= _MOST:
        raise ValueError(f"{amount!r} is no price")
    return plain(exact.normalize()) if exact else "0"


Four = tuple[str | None, str | None, str | None, str | None]
"""Prompt, answer, cache read, cache write: as in `tables.Price`."""


def four(amounts: Iterable[object], *, times: int = 1) -> Four:
    """All of a price. Raises ValueError."""
    prompt, answer, read, write = (digits(each, times=times) for each in amounts)
    return prompt, answer, read, write


def whole(text: str) -> int | None:
    """A count as CSV has it, such as `2048.0`; empty is None. Raises ValueError."""
    if not text:
        return None
    number = float(text)
    if number < 0 or number != int(number):
        raise ValueError(f"{text!r} is no count")
    return int(number)


def number(text: str) -> float | None:
    """A number as CSV has it, such as `$5390000.00`; empty is None. Raises ValueError."""
    return float(text.removeprefix("$").replace(",", "")) if text else None
