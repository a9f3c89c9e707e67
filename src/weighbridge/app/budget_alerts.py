"""What is told of budgets: that the soft threshold is reached, and that one is spent; values in, events out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from weighbridge.alerts.event import Event, EventType
from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import EACH, Budget, window
from weighbridge.ledger.budgets.uses import Use, used_from, uses
from weighbridge.ledger.cost import SMALLEST, plain

_SPENT: Final = 99
"""Percent at which one counts as spent: it refuses what could exceed it, so that its last part is seldom used."""


def due(connection: Connection, now: datetime) -> list[Event]:
    """All that there is to tell of the periods that are now, told before or not. Raises db.Error."""
    budgets = {each.id: each for each in table.listing(connection) if not each.is_limit}
    if not budgets:
        return []
    begins = {id_: window(budget.period, microseconds(now)).begins for id_, budget in budgets.items()}
    found = uses(connection, {id_: begin for id_, begin in begins.items() if budgets[id_].name != EACH})
    for id_, budget in budgets.items():
        if budget.name == EACH:
            found += used_from(connection, id_, begins[id_], _least(budget))
    return [*events(budgets, found, now)]


def _least(budget: Budget) -> int:
    """What somebody has used of whom there may be something to tell."""
    percent = _SPENT if budget.soft is None else min(budget.soft, _SPENT)
    return -(-percent * budget.amount // 100)


def events(budgets: Mapping[str, Budget], uses: Sequence[Use], now: datetime) -> Iterator[Event]:
    """For each that has used enough of a budget; limits of a minute, and of what is under way at once, are not told."""
    for use in uses:
        budget = budgets.get(use.claim.budget)
        if budget is None or budget.is_limit:
            continue
        percent = 100 * use.used // budget.amount
        if percent >= _SPENT:
            yield _event("budget.spent", budget, use, percent, now)
        elif budget.soft is not None and percent >= budget.soft:
            yield _event("budget.warned", budget, use, percent, now)


def _event(kind: EventType, budget: Budget, use: Use, percent: int, now: datetime) -> Event:
    renews = None if budget.period == "total" else moment(window(budget.period, microseconds(now)).ends).isoformat()
    claim = use.claim
    whose = {} if budget.organisation is None else {"organisation": budget.organisation}
    return Event(
        type=kind,
        at=now,
        subject={"budget": budget.id, "scope": budget.scope, "name": claim.subject or None} | whose,
        figures={
            "unit": budget.unit,
            "period": budget.period,
            "amount": _shown(budget, budget.amount),
            "used": _shown(budget, use.used),
            "percent": percent,
            "hard": budget.hard,
            "renews": renews,
        },
        # A budget that is set higher, or to be told at another share, is told of anew.
        mark=f"{kind} {claim.budget} {claim.subject!r} {claim.begins} {budget.amount} {budget.soft}",
    )


def _shown(budget: Budget, amount: int) -> str | int:
    return plain(amount * SMALLEST) if budget.unit == "usd" else amount
