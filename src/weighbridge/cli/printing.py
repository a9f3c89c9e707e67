"""How values are printed, where it takes no table."""

from decimal import Decimal

import click
import msgspec


def print_json(value: object) -> None:
    """`value` as indented JSON; money as a string, unknown as null."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def usd(amount: Decimal) -> str:
    """US dollars, to the last digit."""
    digits = f"{amount:f}"
    return "$" + (digits.rstrip("0").rstrip(".") if "." in digits else digits)
