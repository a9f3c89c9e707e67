"""The fields of a budget, as they stand in the form of a budget and in that of a key."""

from decimal import Decimal
from typing import Final

from weighbridge.gateway.admin.shapes import BudgetSetting
from weighbridge.ledger.budgets.budget import Budget, Period, Scope, Unit
from weighbridge.ledger.cost import SMALLEST, plain
from weighbridge.web.filled import Filled
from weighbridge.web.tongue import N_

UNITS: Final[dict[Unit, str]] = {"usd": N_("US dollars"), "tokens": N_("tokens"), "requests": N_("requests")}
PERIODS: Final[dict[Period, str]] = {
    "minute": N_("each minute"),
    "day": N_("each day"),
    "week": N_("each week"),
    "month": N_("each month"),
    "total": N_("in total, once"),
    "at once": N_("at the same time"),
}
BEGUN: Final = {"budget-unit": "usd", "budget-period": "month", "budget-hard": "on", "budget-soft": "80"}
"""What stands in an empty form."""
FIELDS: Final = {
    "amount": "budget-amount",
    "unit": "budget-unit",
    "period": "budget-period",
    "soft": "budget-soft",
    "shorten_to": "budget-shorten",
    "name": "name",
    "scope": "scope",
    "organisation": "organisation",
}
"""By what an error calls them."""


def asked(
    filled: Filled, scope: Scope, name: str, organisation: str | None = None, *, required: bool
) -> BudgetSetting | None:
    """The budget of a form; None where no amount is typed, or where `filled` has errors now."""
    amount = filled.amount("budget-amount")
    if amount is None:
        if required:
            filled.wrong("budget-amount", filled.say("Fill this in."))
        return None
    chosen = filled.choice("budget-unit", list(UNITS)), filled.choice("budget-period", list(PERIODS))
    unit: Unit = next((each for each in UNITS if each == chosen[0]), "usd")
    period: Period = next((each for each in PERIODS if each == chosen[1]), "month")
    soft = filled.whole("budget-soft", 1, 100)
    shorten_to = filled.whole("budget-shorten", 1, 10**9)
    _check(filled, unit, period, amount, shorten_to)
    if filled.errors:
        return None
    return BudgetSetting(
        scope=scope,
        unit=unit,
        period=period,
        amount=amount,
        name=name,
        organisation=organisation,
        soft=soft,
        hard=filled.checked("budget-hard"),
        shorten_to=shorten_to,
    )


def _check(filled: Filled, unit: Unit, period: Period, amount: Decimal, shorten_to: int | None) -> None:
    if unit != "usd" and amount != amount.to_integral_value():
        filled.wrong("budget-amount", filled.say("Of tokens and requests there are only whole ones."))
    if period == "at once" and unit != "requests":
        filled.wrong("budget-unit", filled.say("At the same time, only requests can be limited."))
    if shorten_to is not None and (unit == "requests" or not filled.checked("budget-hard")):
        said = filled.say("Only a budget of dollars or tokens that refuses can ask for shorter answers.")
        filled.wrong("budget-shorten", said)


def begun(budget: Budget) -> dict[str, str]:
    """What stands in the form of a budget that is there."""
    amount = plain(budget.amount * SMALLEST) if budget.unit == "usd" else str(budget.amount)
    return {
        "scope": budget.scope,
        "name": budget.name,
        "organisation": budget.organisation or "",
        "budget-amount": amount,
        "budget-unit": budget.unit,
        "budget-period": budget.period,
        "budget-soft": "" if budget.soft is None else str(budget.soft),
        "budget-hard": "on" if budget.hard else "",
        "budget-shorten": "" if budget.shorten_to is None else str(budget.shorten_to),
    }
