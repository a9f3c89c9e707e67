"""A model's prices over time as a drawing: the cheapest, and the providers that changed theirs most."""

from datetime import date, timedelta
from typing import Final

from weighbridge.catalog import history
from weighbridge.catalog.history import Step
from weighbridge.catalog.model import Endpoint, Model
from weighbridge.reports.chart import MOST_SERIES, Lines, drawing
from weighbridge.web.tongue import Tongue

_BEFORE: Final = timedelta(30)
"""Drawn before the first change: what held until then."""


def price_chart(model: Model, steps: list[Step], today: date, tongue: Tongue) -> str | None:
    """None where nothing has ever changed."""
    days = sorted({change.on for change in history.changes(model) if change.on is not None and change.on <= today})
    if not days:
        return None
    at = sorted({days[0] - _BEFORE, today, *days, *(day - timedelta(1) for day in days)})
    moving = sorted(model.endpoints, key=lambda each: (-_moves(each, at), each.id))
    series = [(tongue.gettext("The cheapest"), _cheapest(model, at))]
    series += [
        (tongue.isolated(each.id), _prices(each, at)) for each in moving[: MOST_SERIES - 1] if _moves(each, at) > 0
    ]
    lines = Lines(
        at=tuple(float((day - at[0]).days) for day in at),
        ends=(tongue.day(at[0]), tongue.day(today)),
        series=tuple(series if len(series) > 2 else series[:1]),
        shown=lambda value: tongue.money(value),
    )
    title = tongue.gettext("Price of a million output tokens over time")
    told = tongue.gettext("The cheapest price stood at %(amount)s on %(day)s.")
    said = told % {"amount": tongue.money(steps[0].after if steps else None), "day": tongue.day(today)}
    return drawing(lines, title, said, tongue.report, alone=False)


def _prices(endpoint: Endpoint, at: list[date]) -> tuple[float | None, ...]:
    known = (history.price_on(endpoint, day) for day in at)
    return tuple(None if price is None else float(price.output.base) for price in known)


def _moves(endpoint: Endpoint, at: list[date]) -> int:
    return len({price for price in _prices(endpoint, at) if price is not None}) - 1


def _cheapest(model: Model, at: list[date]) -> tuple[float | None, ...]:
    every = [_prices(each, at) for each in model.endpoints]
    return tuple(
        min((value for value in values if value is not None), default=None) for values in zip(*every, strict=True)
    )
