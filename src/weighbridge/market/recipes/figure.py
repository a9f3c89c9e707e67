"""A recipe worked out: its values, its table, what it rests on, and the same by other definitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.engine import Engine
from weighbridge.market.identity.book import Book, book
from weighbridge.market.live.address import installed
from weighbridge.market.parts import Parts
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.measures.measure import Ask, Measured, Value
from weighbridge.market.recipes.recipe import Choices, Recipe, recipe
from weighbridge.market.store import Kept, Store


@dataclass(frozen=True, slots=True)
class Input:
    """A payload that a figure rests on."""

    sha256: str
    name: str
    source: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The figure by another definition."""

    title: str
    choices: Choices
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """All that is needed to cite it."""

    name: str
    title: str
    definition: str
    choices: Choices
    measured: Measured
    as_of: date
    """The newest day on which one of its inputs was published."""
    attribution: tuple[str, ...]
    inputs: tuple[Input, ...]
    sensitivity: tuple[Sensitivity, ...]
    references: tuple[str, ...]
    not_reproduced: str | None

    def value(self, name: str) -> float | int | None:
        """One of its values. Raises KeyError."""
        return {each.name: each.value for each in self.measured.values}[name]


def figure(
    store: Store, name: str, change: Mapping[str, str | int | None] | None = None, *, others: bool = True
) -> Figure:
    """Work one out, by its own choices or changed ones; and by other definitions, unless they are not asked for.

    Raises MarketError, PackageMissing.
    """
    wanted = recipe(name)
    kept = [each for each in store.payloads() if each.source in wanted.sources]
    if not kept:
        raise MarketError(_absent(name, wanted))
    choices = wanted.chosen(change or {})
    found = measured(store, wanted, kept, choices)
    sensitivity = tuple(
        Sensitivity(each.title, chosen, measured(store, wanted, kept, chosen).values)
        for each in (wanted.alternatives if others else ())
        if (chosen := wanted.chosen({**(change or {}), **each.change})) != choices
    )
    return Figure(
        name=name,
        title=wanted.title,
        definition=wanted.definition.strip().format(**msgspec.to_builtins(choices)),
        choices=choices,
        measured=found,
        as_of=max(each.as_of for each in kept),
        attribution=tuple(dict.fromkeys(each.line for each in _newest(kept))),
        inputs=tuple(Input(each.sha256, each.name, each.source, each.as_of) for each in kept),
        sensitivity=sensitivity,
        references=wanted.references,
        not_reproduced=wanted.not_reproduced,
    )


def _absent(name: str, wanted: Recipe) -> str:
    """That there is nothing to work a figure out from, how it can be had, and what there is instead."""
    asked = [each for each, live in installed().sources.items() if (live.gives or each) in wanted.sources]
    ask = f", or weighbridge market sync {' '.join(asked)}" if asked else ""
    near = f"; nearest is {', '.join(wanted.nearest)}" if wanted.nearest else ""
    needs = " and ".join(wanted.sources)
    return f"{name} needs {needs}, and none is here; run weighbridge market sync --from FILE{ask}{near}"


def measured(
    store: Store,
    wanted: Recipe,
    kept: list[Kept],
    choices: Choices,
    *,
    names: Book | None = None,
    rows: Mapping[str, Parts] | None = None,
) -> Measured:
    """By these choices, from these payloads; by other reviewed names, or from other rows of a table, where given.

    Raises MarketError, PackageMissing.
    """
    measure = MEASURES.get(wanted.measure)
    if measure is None:
        raise MarketError(f"no measure is called {wanted.measure!r}; there are {', '.join(MEASURES)}")
    measure.check(choices)
    with Engine(store.spill) as engine:
        parts = {each: store.parts(each, kept) for each in measure.tables} | dict(rows or {})
        tables = {each: engine.table(each, parts[each]) for each in measure.tables}
        return measure.of(engine, tables, Ask(choices, names or book(), wanted.scheme))


def _newest(kept: list[Kept]) -> list[Kept]:
    """Of each source the payload of the latest day."""
    return list({each.source: each for each in kept}.values())
