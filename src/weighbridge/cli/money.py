"""Money as people write it."""

from decimal import Decimal, InvalidOperation

import click


class Money(click.ParamType[Decimal]):
    """US dollars, from nothing on."""

    name = "usd"

    def convert(self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """`value` as an amount."""
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not an amount such as 0.50", param, ctx)
        return amount
