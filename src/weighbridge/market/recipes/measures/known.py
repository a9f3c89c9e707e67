"""All measures by name, each with the choices that it heeds."""

from collections.abc import Mapping
from typing import Final

from weighbridge.market.recipes.measures.classified import apps, leaders, sessions, tasks
from weighbridge.market.recipes.measures.downloads import (
    adoption,
    cumulative,
    hub_series,
    publisher_concentration,
    publisher_share,
)
from weighbridge.market.recipes.measures.hub_sizes import hub_sizes
from weighbridge.market.recipes.measures.licences import classes, licences
from weighbridge.market.recipes.measures.measure import Measure
from weighbridge.market.recipes.measures.models import cadence, kinds, mixtures, sizes
from weighbridge.market.recipes.measures.openness import openness
from weighbridge.market.recipes.measures.prices import answer_cost, changes, gap, multiple, spread
from weighbridge.market.recipes.measures.ratings import apart, behind, place, points
from weighbridge.market.recipes.measures.repositories import repository_concentration, repository_share
from weighbridge.market.recipes.measures.training import training
from weighbridge.market.recipes.measures.usage import composition, concentration, token_share

MEASURES: Final[Mapping[str, Measure]] = {
    "composition": Measure(
        ("usage",),
        composition,
        {
            "window": None,
            "attribution": ("publisher", "base"),
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
        {
            "window": None,
            "board": None,
            "superseded": ("keep", "drop"),
            "rank": ("rating", "style-controlled"),
            "model": None,
        },
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
    "spread": Measure(("price", "offer"), spread, {"window": None, "model": None, "price": ("input", "output")}),
    "training": Measure(
        ("training",),
        training,
        {
            "model": None,
            "against": None,
            "chip_hour": None,
            "method": ("as listed", "cloud", "capex+energy", "acquisition"),
        },
    ),
    "apart": Measure(("model",), apart, {"model": None, "against": None}),
    "behind": Measure(("rating",), behind, {"window": None, "board": None}),
    "points": Measure(("rating",), points, {"window": None, "board": None, "superseded": ("keep", "drop")}),
    "publisher-share": Measure(
        ("publisher_month", "organisation"),
        publisher_share,
        {
            "window": None,
            "attribution": ("publisher",),
            "places": ("reviewed", "atom"),
            "estimated": ("keep", "drop"),
            "unknown": ("keep", "attributed"),
            "country": None,
        },
    ),
    "hub-series": Measure(
        ("hub_month",),
        hub_series,
        {
            "window": None,
            "series": ("top10", "top100", "top1000", "derivatives", "quantised"),
            "estimated": ("keep", "drop"),
        },
    ),
    "cumulative": Measure(
        ("downloads", "model", "organisation"),
        cumulative,
        {"window": None, "models": ("all", "tracked"), "places": ("reviewed", "atom"), "country": None},
    ),
    "adoption": Measure(("downloads", "model"), adoption, {"model": None, "age": None, "top": None}),
    "openness": Measure(("openness",), openness, {"framework": None, "dimension": None, "counts": None, "model": None}),
    "sizes": Measure(
        ("model", "downloads"),
        sizes,
        {"window": None, "modality": None, "weighting": ("none", "downloads")},
    ),
    "cadence": Measure(
        ("model",),
        cadence,
        {
            "window": None,
            "by": ("lab", "country"),
            "weights": ("all", "open", "closed"),
            "modality": None,
            "group": None,
        },
    ),
    "token-share": Measure(
        ("usage",),
        token_share,
        {
            "window": None,
            "grain": ("day", "week"),
            "by": ("model", "family", "lab", "country", "weights"),
            "attribution": ("publisher", "base"),
            "variants": ("separate", "merged"),
            "stealth": ("keep", "drop"),
            "unknown": ("keep", "attributed"),
            "group": None,
        },
    ),
    "concentration": Measure(
        ("usage",),
        concentration,
        {
            "window": None,
            "grain": ("day", "week"),
            "by": ("model", "family", "lab", "country"),
            "attribution": ("publisher", "base"),
            "variants": ("separate", "merged"),
            "stealth": ("keep", "drop"),
            "unknown": ("keep", "attributed"),
            "top": None,
        },
    ),
    "repository-share": Measure(
        ("downloads", "model", "organisation", "edge"),
        repository_share,
        {
            "window": None,
            "attribution": ("publisher", "base", "split"),
            "models": ("all", "tracked"),
            "places": ("reviewed", "atom"),
            "unknown": ("keep", "attributed"),
            "country": None,
        },
    ),
    "kinds": Measure(
        ("model",),
        kinds,
        {"window": None, "kind": ("multimodal", "open"), "weights": ("all", "open", "closed")},
    ),
    "mixtures": Measure(("model",), mixtures, {}),
    "licences": Measure(
        ("model",),
        licences,
        {"window": None, "by": ("licence", "class"), "weights": ("all", "open", "closed"), "group": None},
    ),
    "classes": Measure(("openness",), classes, {"counts": ("licensed", "listed")}),
    "hub-sizes": Measure(
        ("downloads", "model"),
        hub_sizes,
        {"window": None, "modality": None, "weighting": ("none", "downloads")},
    ),
    "publisher-concentration": Measure(
        ("publisher_month",),
        publisher_concentration,
        {
            "window": None,
            "by": ("publisher",),
            "estimated": ("keep", "drop"),
            "unknown": ("keep", "attributed"),
            "top": None,
        },
    ),
    "repository-concentration": Measure(
        ("downloads", "model", "edge"),
        repository_concentration,
        {"window": None, "by": ("publisher", "family"), "models": ("all", "tracked"), "top": None},
    ),
    "tasks": Measure(("task_share",), tasks, {"window": None, "by": ("task", "area"), "group": None}),
    "leaders": Measure(
        ("task_share",),
        leaders,
        {
            "window": None,
            "task": None,
            "attribution": ("publisher", "base"),
            "top": None,
            "country": None,
        },
    ),
    "apps": Measure(("app_usage",), apps, {"window": None, "group": None}),
    "sessions": Measure(
        ("session_cost",),
        sessions,
        {"window": None, "app": None, "turns": None, "model": None, "against": None},
    ),
}
