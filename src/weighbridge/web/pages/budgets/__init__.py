"""Budgets: how much of dollars, tokens and requests who may use, in which time, and what is left."""

from typing import Final

from weighbridge.web.pages.budgets import listing, removing, setting
from weighbridge.web.visit import Place

PLACES: Final = (
    Place("/budgets", listing.listing, may="budget.read"),
    Place("/budgets/new", setting.asked, may="budget.set"),
    Place("/budgets/new", setting.put, "POST", may="budget.set"),
    Place("/budgets/{id}/change", setting.asked_again, may="budget.set"),
    Place("/budgets/{id}/change", setting.change, "POST", may="budget.set"),
    Place("/budgets/{id}/remove", removing.asked, may="budget.set"),
    Place("/budgets/{id}/remove", removing.remove, "POST", may="budget.set"),
)
