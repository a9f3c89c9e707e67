"""A figure as a document: the shape that `market figure --json` prints and `GET /v1/market/figures/{name}` serves.

Fields are added, never renamed or taken away; unknown is null; a share is of 1.
"""

from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from weighbridge.market.recipes.figure import Figure
from weighbridge.market.recipes.measures.measure import Cell, Unit, Value
from weighbridge.market.recipes.recipe import Choices, Recipe, recipes
from weighbridge.market.sources.known import SOURCES
from weighbridge.market.store import Store


class FigureValue(msgspec.Struct, frozen=True):
    """One number of a figure."""

    name: str
    unit: Unit
    value: float | int | None
    """null is unknown."""


class FigureTable(msgspec.Struct, frozen=True):
    """A figure's table: `rows` has lists of cells in the order of `columns`."""

    columns: list[str]
    rows: list[list[str | int | float | None]]


class FigureInput(msgspec.Struct, frozen=True):
    """A payload that the figure rests on: its bytes have this hash."""

    sha256: str
    name: str
    source: str
    as_of: date


class FigureSensitivity(msgspec.Struct, frozen=True):
    """The figure by another definition that can be defended."""

    title: str
    choices: dict[str, str | int]
    values: list[FigureValue]


class FigureDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to cite a figure, and to work it out again."""

    object: Literal["market.figure"] = "market.figure"
    name: str
    title: str
    definition: str
    choices: dict[str, str | int]
    """What the definition decides, by name; only those that the figure has."""
    values: list[FigureValue]
    table: FigureTable
    unmatched: float | None
    """The share of what is counted that no reviewed row names; null where nothing is joined."""
    as_of: date
    """The newest day on which one of its inputs was published."""
    attribution: list[str]
    """Lines that go wherever the figure goes."""
    inputs: list[FigureInput]
    sensitivity: list[FigureSensitivity]
    references: list[str]
    not_reproduced: str | None
    """Why a published figure cannot be recomputed, where this is only the nearest."""


class ListedFigure(msgspec.Struct, frozen=True):
    """A recipe: `missing` has the sources of which nothing was taken in yet."""

    name: str
    title: str
    definition: str
    choices: dict[str, str | int]
    sources: list[str]
    missing: list[str]


class FigureList(msgspec.Struct, frozen=True, kw_only=True):
    """All recipes there are."""

    object: Literal["list"] = "list"
    data: list[ListedFigure]


class ListedSource(msgspec.Struct, frozen=True):
    """A source, and what was taken in of it."""

    name: str
    title: str
    home: str
    licence: str
    payloads: int
    rows: int
    findings: int
    as_of: date | None
    """Of the newest payload; null where nothing was taken in."""
    attribution: str | None


class SourceList(msgspec.Struct, frozen=True, kw_only=True):
    """All sources that are known here."""

    object: Literal["list"] = "list"
    data: list[ListedSource]


def documented(figure: Figure) -> FigureDocument:
    """A figure in the shape above."""
    return FigureDocument(
        name=figure.name,
        title=figure.title,
        definition=figure.definition,
        choices=chosen(figure.choices),
        values=_values(figure.measured.values),
        table=FigureTable(list(figure.measured.columns), [_cells(row) for row in figure.measured.rows]),
        unmatched=figure.measured.unmatched,
        as_of=figure.as_of,
        attribution=list(figure.attribution),
        inputs=[FigureInput(each.sha256, each.name, each.source, each.as_of) for each in figure.inputs],
        sensitivity=[
            FigureSensitivity(each.title, chosen(each.choices), _values(each.values)) for each in figure.sensitivity
        ],
        references=list(figure.references),
        not_reproduced=figure.not_reproduced,
    )


def figure_list(store: Store) -> FigureList:
    """All recipes, and what of their sources is lacking in a store."""
    here = {each.source for each in store.payloads()}
    return FigureList(data=[_listed(name, recipe, here) for name, recipe in recipes().items()])


def source_list(store: Store) -> SourceList:
    """All sources, and what of them is in a store."""
    kept = store.payloads()
    listed: list[ListedSource] = []
    for about in {source.about.name: source.about for source in SOURCES}.values():
        own = [each for each in kept if each.source == about.name]
        listed.append(
            ListedSource(
                about.name,
                about.title,
                about.home,
                about.licence,
                len(own),
                sum(sum(each.rows.values()) for each in own),
                sum(len(each.findings) for each in own),
                own[-1].as_of if own else None,
                own[-1].line if own else None,
            )
        )
    return SourceList(data=listed)


def chosen(choices: Choices) -> dict[str, str | int]:
    """The choices that are made."""
    every: Mapping[str, str | int | None] = msgspec.to_builtins(choices)
    return {name: value for name, value in every.items() if value is not None}


def _listed(name: str, recipe: Recipe, here: set[str]) -> ListedFigure:
    missing = [each for each in recipe.sources if each not in here]
    definition = " ".join(recipe.definition.format(**msgspec.to_builtins(recipe.choices)).split())
    return ListedFigure(name, recipe.title, definition, chosen(recipe.choices), list(recipe.sources), missing)


def _values(values: tuple[Value, ...]) -> list[FigureValue]:
    return [FigureValue(each.name, each.unit, each.value) for each in values]


def _cells(row: tuple[Cell, ...]) -> list[Cell]:
    return list(row)
