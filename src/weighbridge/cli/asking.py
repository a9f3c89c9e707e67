"""How a question to the ledger is put on a command line."""

import click

from weighbridge.ledger.questions import By, read_by, read_where


class Dimensions(click.ParamType[tuple[By, ...]]):
    """Names of dimensions with commas between."""

    name = "by"

    def convert(
        self, value: str | tuple[By, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[By, ...]:
        """`value` as dimensions."""
        if isinstance(value, tuple):
            return value
        try:
            return read_by(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Where(click.ParamType[tuple[By, str]]):
    """`DIM=VALUE`."""

    name = "where"

    def convert(
        self, value: str | tuple[By, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[By, str]:
        """`value` as a dimension and a group of it."""
        if isinstance(value, tuple):
            return value
        try:
            return read_where(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
