"""All measures by name, each with the choices that it heeds."""

from collections.abc import Mapping
from typing import Final

from weighbridge.market.recipes.measures.measure import Measure
from weighbridge.market.recipes.measures.ratings import place
from weighbridge.market.recipes.measures.usage import composition

MEASURES: Final[Mapping[str, Measure]] = {
    "composition": Measure(
        ("usage",),
        composition,
        {
            "window": None,
            "attribution": ("publisher",),
            "variants": ("separate", "merged"),
            "stealth": ("keep", "drop"),
            "unknown": ("keep", "attributed"),
            "top": None,
            "country": None,
        },
    ),
    "place": Measure(
        ("rating",),
        place,
        {"window": None, "superseded": ("keep", "drop"), "rank": ("rating", "style-controlled"), "model": None},
    ),
}
