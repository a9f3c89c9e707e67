"""Under which terms models are given: the mix of licences, and classes of the Model Openness Framework."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Final

from weighbridge.catalog.load import load
from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value
from weighbridge.market.sources.framework import components

UNCLEAR: Final = "unclear"
_NOT_THERE: Final = ("component not include", "component component not include", "undisclosed", "n/a")
"""How pages of the framework's tool say that a component is not given; with or without a stop."""
_WITHOUT: Final = (*_NOT_THERE, "unlicensed", "unstated", "license not specified", "none")


def licences(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The share of models under a licence, or under one of a class; what no reviewed row classes is unclear."""
    model, choices, window = tables["model"], ask.choices, ask.window
    within = model.filter(model.released.isnull() | model.released.between(window.first, window.last))
    if choices.weights != "all":
        within = within.filter(within.open_weights == (choices.weights == "open"))
    counted: Counter[str] = Counter()
    for row in engine.rows(within.select("model", "licence").distinct().order_by("model")):
        said = (row["licence"] or "").strip()
        counted[_class(said) if choices.by == "class" else said or "none said"] += 1
    total, own = counted.total(), counted[choices.group or ""]
    unclear = counted[UNCLEAR] if choices.by == "class" else counted["none said"]
    return Measured(
        (
            Value("share", "share", own / total if total else None),
            Value("models", "count", own if total else None),
            Value("of", "count", total or None),
        ),
        (choices.by or "", "models", "share"),
        [(name, count, count / total) for name, count in sorted(counted.items(), key=lambda each: (-each[1], each[0]))],
        unclear / total if total else None,
    )


def classes(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Models by class of the Model Openness Framework: I open science, II open tooling, III open model, or none.

    `licensed` asks for a licence of each component, as the framework does; `listed` only that its page lists it.
    """
    choices, table = ask.choices, tables["openness"]
    rows = engine.rows(table.filter(table.framework == "model-openness").select("subject", "dimension", "found"))
    given: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        given[row["subject"]][row["dimension"]] = row["found"]
    found = {model: _reached(own, choices.counts == "licensed") for model, own in given.items()}
    lines: list[tuple[Cell, ...]] = [
        (model, "I" * reached or "none", ", ".join(lacks) or None)
        for model, (reached, lacks) in sorted(found.items(), key=lambda each: (each[1][0] or 9, each[0]))
    ]
    number = Counter(reached for reached, _ in found.values())
    return Measured(
        (
            Value(
                "class III or better", "share", sum(number[each] for each in (1, 2, 3)) / len(found) if found else None
            ),
            Value("class II or better", "count", number[1] + number[2] if found else None),
            Value("class I", "count", number[1] if found else None),
            Value("models", "count", len(found) or None),
        ),
        ("model", "class", "what the next class lacks"),
        lines,
        None,
    )


def _reached(own: Mapping[str, str], licensed: bool) -> tuple[int, list[str]]:
    """(the class, 0 for none; what is not there for the one above it)."""
    without = _WITHOUT if licensed else _NOT_THERE
    there = {name for name, said in own.items() if not said.casefold().startswith(without)}
    reached = 0
    for each in (3, 2, 1):
        lacks = [part.name for part in components() if part.required and part.least >= each and part.name not in there]
        if lacks:
            return reached, lacks
        reached = each
    return reached, []


def _class(licence: str) -> str:
    return _classes().get(licence.casefold(), UNCLEAR)


@cache
def _classes() -> Mapping[str, str]:
    """By licences that the catalogue has reviewed, in small letters."""
    known = (model.licence for model in load((), when=None).models.values() if model.licence is not None)
    return {licence.id.casefold(): licence.licence_class for licence in known}
