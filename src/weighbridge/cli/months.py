"""Months as people write them."""

import re
from datetime import UTC, datetime
from typing import Final

import click

_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Month(click.ParamType[datetime]):
    """`2026-11` is the first moment of that month in UTC."""

    name = "month"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """`value` as a time."""
        if isinstance(value, datetime):
            return value
        found = _MONTH.fullmatch(value.strip())
        if found is None or found[1] == "0000":
            self.fail(f"{value!r} is not a month such as 2026-11", param, ctx)
        return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)


def this_month(now: datetime) -> datetime:
    """The first moment of the month of `now`."""
    return datetime(now.year, now.month, 1, tzinfo=UTC)


def next_month(month: datetime) -> datetime:
    """The first moment of the month after."""
    years, months = divmod(month.month, 12)
    return datetime(month.year + years, months + 1, 1, tzinfo=UTC)
