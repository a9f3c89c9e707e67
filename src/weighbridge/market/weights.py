"""How much of a figure's move each cause made: the figure worked out anew, with one cause at a time.

It begins with the state before: its payloads, reviewed names and recipe, by the programme of today. What that gives
beside what was noted then is the programme's. From there each cause is brought in alone, never on top of another, so
that no order is chosen:

- restated source: rows of new payloads that speak of what an old row speaks of (of a table with days, the same key; of
  one without, the same key as of the same day or an earlier one);
- new data: all their other rows;
- new alias: reviewed names, seats and superseded models as they are now;
- changed recipe: the figure's own file as it is now.

What causes make only together, such as a new name in new data, is the interaction: all of it adds up to the move.
"""

# ruff: noqa: S608 - names of ours; paths are quoted

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.connection import connected, quoted
from weighbridge.market.document import FigureValue
from weighbridge.market.identity.book import Book
from weighbridge.market.made import in_force
from weighbridge.market.parts import Part, Parts
from weighbridge.market.recipes.figure import measured
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.recipe import Recipe
from weighbridge.market.store import Kept, Store
from weighbridge.market.sync import restore
from weighbridge.market.tables import TABLES

Cause = Literal[
    "new data",
    "restated source",
    "new alias",
    "changed recipe",
    "new figure",
    "no longer possible",
    "changed programme",
    "interaction",
]
Numbers = Mapping[str, float | int | None]
_LEAST: Final = 1e-12
"""Of what a figure came to: what is less is the rounding of sums in another order."""


class Weight(msgspec.Struct, frozen=True):
    """What a cause made of a move, by value: a difference; null where it cannot be said."""

    cause: Cause
    values: list[FigureValue]


@dataclass(frozen=True, slots=True)
class State:
    """What a figure was, or is, worked out of."""

    recipe: Recipe
    names: Book
    kept: list[Kept]


def weights(store: Store, before: State, after: State, then: list[FigureValue], now: list[FigureValue]) -> list[Weight]:
    """Of each cause that made any difference, and of those that may have. Raises MarketError, PackageMissing, OSError.

    Empty where payloads that the figure rested on were taken away.
    """
    there, theirs = ({each.sha256 for each in state.kept} for state in (after, before))
    if not theirs <= there:
        return []
    restore(store, before.kept)
    for fresh in after.kept:
        if fresh.sha256 not in theirs:
            restore(store, [fresh])

    def by(recipe: Recipe, names: Book, rows: Mapping[str, Parts]) -> Numbers:
        try:
            found = measured(store, recipe, before.kept, recipe.choices, names=names, rows=rows)
        except MarketError:
            return {}
        return {each.name: each.value for each in found.values}

    alone: dict[Cause, Numbers] = {}
    with TemporaryDirectory(dir=_made(store.spill)) as directory:
        old, restated, new = _rows(store, before, after, Path(directory))
        begun = by(before.recipe, before.names, old)
        if restated != old:
            alone["restated source"] = by(before.recipe, before.names, restated)
        if new != old:
            alone["new data"] = by(before.recipe, before.names, new)
        if before.names != after.names:
            alone["new alias"] = by(before.recipe, after.names, old)
        if before.recipe != after.recipe:
            alone["changed recipe"] = by(after.recipe, before.names, old)
    moves = {cause: _less(now, found, begun) for cause, found in alone.items()}
    noted: Numbers = {each.name: each.value for each in then}
    moves["changed programme"] = _less(now, begun, noted)
    moves["interaction"] = [_rest(each, noted, list(moves.values())) for each in now]
    certain = {"interaction", "changed programme"}
    return [Weight(cause, values) for cause, values in moves.items() if cause not in certain or _any(values, now)]


def _rows(
    store: Store, before: State, after: State, into: Path
) -> tuple[dict[str, Parts], dict[str, Parts], dict[str, Parts]]:
    """By table the old parts; with what is restated; with what is new."""
    theirs = {each.sha256 for each in before.kept}
    old: dict[str, Parts] = {}
    restated: dict[str, Parts] = {}
    new: dict[str, Parts] = {}
    for table in MEASURES[before.recipe.measure].tables:
        every = store.parts(table, after.kept)
        old[table] = replace(every, parts=tuple(part for part in every.parts if part.payload in theirs))
        split = [_split(store, old[table], part, into / table) for part in every.parts if part.payload not in theirs]
        restated[table] = _with(old[table], (part for part, _ in split))
        new[table] = _with(old[table], (part for _, part in split))
    return old, restated, new


def _split(store: Store, old: Parts, part: Part, into: Path) -> tuple[Part | None, Part | None]:
    """A new part's rows that restate old ones, and its others."""
    dated = TABLES[old.table].month is not None
    beside = [each for each in old.parts if (each.source, each.month) == (part.source, part.month)]
    if not any(each.days[0] <= part.days[1] and part.days[0] <= each.days[1] for each in beside):
        return None, part
    same = " AND ".join(f'n."{each}" IS NOT DISTINCT FROM o."{each}"' for each in TABLES[old.table].key)
    on = same if dated else f"{same} AND n.as_of <= o.as_of"
    said = in_force(replace(old, parts=tuple(beside)))
    found: list[Part | None] = []
    _made(into)
    with connected(store.spill) as connection:
        for kind in ("semi", "anti"):
            path = into / f"{part.path.stem}-{kind}.parquet"
            query = f"SELECT n.* FROM read_parquet({quoted(str(part.path))}) n {kind} JOIN ({said}) o ON {on}"
            written = connection.execute(f"COPY ({query}) TO {quoted(str(path))} (FORMAT parquet)").fetchall()
            found.append(replace(part, path=path) if written[0][0] else None)
    return found[0], found[1]


def _with(old: Parts, more: Iterator[Part | None]) -> Parts:
    return replace(old, parts=(*old.parts, *(part for part in more if part is not None)))


def _less(values: list[FigureValue], one: Numbers, other: Numbers) -> list[FigureValue]:
    return [FigureValue(each.name, each.unit, _minus(one.get(each.name), other.get(each.name))) for each in values]


def _rest(value: FigureValue, noted: Numbers, moves: list[list[FigureValue]]) -> FigureValue:
    """Of the whole move what the others leave."""
    rest = _minus(value.value, noted.get(value.name))
    for each in moves:
        rest = _minus(rest, next((move.value for move in each if move.name == value.name), None))
    return FigureValue(value.name, value.unit, rest)


def _any(moves: list[FigureValue], values: list[FigureValue]) -> bool:
    """Whether there is anything in them; unknown is something."""
    return any(
        move.value is None or abs(move.value) > _LEAST * abs(value.value or 1)
        for move, value in zip(moves, values, strict=True)
        if value.value is not None
    )


def _minus(one: float | None, other: float | None) -> float | int | None:
    return None if one is None or other is None else one - other


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
