"""How values are printed, where it takes no table."""

from decimal import Decimal

import click
import msgspec

from weighbridge.ledger.cost import plain


def print_json(value: object) -> None:
    """`value` as indented JSON; money as a string of digits, unknown as null."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def usd(amount: Decimal) -> str:
    """US dollars, to the last digit."""
    return f"${plain(amount)}"
