"""All measures by name, each with the choices that it heeds."""

from collections.abc import Mapping
from typing import Final

from weighbridge.market.recipes.measures.measure import Measure
from weighbridge.market.recipes.measures.prices import answer_cost, changes, gap, multiple
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
    "multiple": Measure(
        ("price",),
        multiple,
        {"window": None, "model": None, "against": None, "list": ("openrouter", "vendors"), "blend": None},
    ),
    "changes": Measure(("price",), changes, {"window": None, "model": None, "against": None}),
    "gap": Measure(("price", "model"), gap, {"window": None, "price": ("input", "output")}),
    "answer-cost": Measure(
        ("price",),
        answer_cost,
        {
            "window": None,
            "model": None,
            "against": None,
            "list": ("openrouter", "vendors"),
            "prompt_tokens": None,
            "answer_tokens": None,
            "reasoning_tokens": None,
        },
    ),
}
