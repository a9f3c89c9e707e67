"""What figures are about, by the rows that they count first."""

from typing import Final

from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.recipe import Recipe
from weighbridge.web.tongue import N_

SUBJECTS: Final = {
    "use": N_("Use"),
    "downloads": N_("Downloads"),
    "prices": N_("Prices"),
    "ratings": N_("Ratings"),
    "models": N_("Models and licences"),
    "openness": N_("Openness"),
    "training": N_("Training"),
}
"""In the order in which they are listed."""
_BY_TABLE: Final = {
    "usage": "use",
    "app_usage": "use",
    "task_share": "use",
    "session_cost": "use",
    "downloads": "downloads",
    "hub_month": "downloads",
    "publisher_month": "downloads",
    "price": "prices",
    "rating": "ratings",
    "model": "models",
    "openness": "openness",
    "training": "training",
}


def subject(wanted: Recipe) -> str:
    """One of SUBJECTS."""
    return _BY_TABLE[MEASURES[wanted.measure].tables[0]]
