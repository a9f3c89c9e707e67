"""Moments as people write them: a date, or a span such as 30d."""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

import click

_SPAN = re.compile(r"(\d{1,5})\s*([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class Moment(click.ParamType[datetime]):
    """An aware UTC time: `30d` is that long ahead (or ago), `2026-12-31` the start of that day in UTC."""

    name = "moment"

    def __init__(self, direction: Literal["ahead", "ago"]) -> None:
        self._direction = direction

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """`value` as a time, counted from now where it is a span."""
        if isinstance(value, datetime):
            return value
        span = _SPAN.fullmatch(value.strip())
        if span:
            length = int(span[1]) * _UNITS[span[2]]
            return datetime.now(UTC) + (length if self._direction == "ahead" else -length)
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            self.fail(f"{value!r} is neither a span (30m, 12h, 30d, 4w) nor a date (2026-12-31)", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
