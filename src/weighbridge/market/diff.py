"""What moved between two states of the market's data, and why: each figure before and after, and what is new.

A state is the payloads that had been taken in by a moment, the reviewed names and the recipes: `remember` notes names
and recipes as they are written, and no payload is deleted, so that the state can be had again, and each cause weighed
by itself (`weights.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.document import FigureValue
from weighbridge.market.identity.book import Book, installed
from weighbridge.market.identity.book import read as read_rows
from weighbridge.market.recipes.figure import figure
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.recipe import Recipe, recipes
from weighbridge.market.store import Kept, Store
from weighbridge.market.weights import Cause, State, Weight, weights

_REMEMBERED: Final = "figures.json"


class Said(msgspec.Struct, frozen=True):
    """What a figure came to, and what it rested on."""

    values: list[FigureValue]
    inputs: list[str]
    recipe: str
    """The SHA-256 of its recipe, as is."""
    asked: msgspec.Raw = msgspec.Raw(b"null")
    """The recipe."""


class Remembered(msgspec.Struct, frozen=True):
    """All figures at a moment."""

    at: datetime
    names: str
    """The SHA-256 of the reviewed rows."""
    figures: dict[str, Said]
    rows: dict[str, str] = {}
    """The reviewed rows, by file."""


class NewInput(msgspec.Struct, frozen=True):
    """A payload that the figure did not rest on before."""

    sha256: str
    name: str
    source: str
    as_of: date
    findings: dict[str, int]
    """How many of each kind were found in it."""


class Moved(msgspec.Struct, frozen=True):
    """One figure that says something else now; `before` or `after` is empty where it could not be worked out."""

    figure: str
    causes: list[Cause]
    before: list[FigureValue]
    after: list[FigureValue]
    inputs: list[NewInput]
    weights: list[Weight] = []
    """Of each cause, what it made of the move; empty where the state before cannot be had again."""


class Diff(msgspec.Struct, frozen=True):
    """What moved since a moment; null where no figures were remembered before."""

    since: datetime | None
    moved: list[Moved]
    unmoved: list[str]
    not_possible: dict[str, str]
    """Figures that cannot be worked out, and why."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A state, and its reviewed rows; None of an earlier release, which noted none or wrote them otherwise."""

    state: Remembered
    names: Book | None

    @classmethod
    def of(cls, state: Remembered) -> "Noted":
        """With its rows read."""
        try:
            return cls(state, read_rows(state.rows))
        except MarketError:
            return cls(state, None)


def worked_out(store: Store, now: datetime) -> tuple[Remembered, dict[str, str]]:
    """All figures as they are, and why others are not. Raises PackageMissing."""
    figures: dict[str, Said] = {}
    why: dict[str, str] = {}
    for name, recipe in recipes().items():
        try:
            found = figure(store, name, others=False)
        except MarketError as error:
            why[name] = str(error)
            continue
        values = [FigureValue(each.name, each.unit, each.value) for each in found.measured.values]
        inputs = [each.sha256 for each in found.inputs]
        asked = msgspec.json.encode(recipe)
        figures[name] = Said(values, inputs, sha256(asked).hexdigest(), msgspec.Raw(asked))
    rows = installed()
    return Remembered(now, sha256(msgspec.json.encode(rows, order="sorted")).hexdigest(), figures, rows), why


def remembered(store: Store) -> Remembered | None:
    """The state that was remembered last. Raises MarketError where its file cannot be read."""
    file = _file(store)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Remembered) if file.exists() else None
    except msgspec.DecodeError as error:
        raise MarketError(f"{file} cannot be read ({error}); delete it, and the next diff begins anew") from error


def remember(store: Store, state: Remembered) -> None:
    """Have it be what the next diff begins with. Raises OSError."""
    file = _file(store)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.encode(state))
    unfinished.rename(file)


def diff(store: Store, before: Remembered | None, after: Remembered, why: Mapping[str, str]) -> Diff:
    """What moved from one state to another."""
    kept = {each.sha256: each for each in store.payloads()}
    then = {} if before is None else before.figures
    renamed = before is not None and before.names != after.names
    noted = [] if before is None else [Noted.of(each) for each in (before, after)]
    moved: list[Moved] = []
    unmoved: list[str] = []
    for name in sorted(then.keys() | after.figures.keys()):
        old, new = then.get(name), after.figures.get(name)
        if old is not None and new is not None and old.values == new.values:
            unmoved.append(name)
            continue
        fresh = [kept[each] for each in (new.inputs if new else []) if old is None or each not in old.inputs]
        weighed = _weighed(store, name, *noted) if noted else []
        made = {
            each.cause for each in weighed if each.cause != "interaction" and any(v.value != 0 for v in each.values)
        }
        causes: list[Cause] = sorted(made) or _causes(old, new, fresh, kept, renamed=renamed)
        moved.append(
            Moved(
                name,
                causes,
                old.values if old else [],
                new.values if new else [],
                [_input(each) for each in fresh],
                weighed,
            )
        )
    return Diff(None if before is None else before.at, moved, unmoved, dict(why))


def _causes(
    old: Said | None, new: Said | None, fresh: list[Kept], kept: Mapping[str, Kept], *, renamed: bool
) -> list[Cause]:
    """All that may have moved it: what changed. `new data` is a payload of a later day, or of a source not there
    before; `restated source` one of a day that was there; `new alias` reviewed names, seats or superseded models.
    """
    if new is None:
        return ["no longer possible"]
    if old is None:
        return ["new figure"]
    days = {(kept[each].source, kept[each].as_of) for each in old.inputs if each in kept}
    newest: dict[str, date] = {}
    for source, day in days:
        newest[source] = max(newest.get(source, day), day)
    causes: set[Cause] = set()
    for each in fresh:
        later = each.source not in newest or each.as_of > newest[each.source]
        causes.add("new data" if later else "restated source")
        if any(finding.kind == "restated" for finding in each.findings):
            causes.add("restated source")
    if renamed:
        causes.add("new alias")
    if old.recipe != new.recipe:
        causes.add("changed recipe")
    return sorted(causes) or ["changed programme"]


def _input(kept: Kept) -> NewInput:
    found: dict[str, int] = {}
    for each in kept.findings:
        found[each.kind] = found.get(each.kind, 0) + 1
    return NewInput(kept.sha256, kept.name, kept.source, kept.as_of, found)


def _weighed(store: Store, name: str, before: Noted, after: Noted) -> list[Weight]:
    """Empty for a figure that was not or is not there, and where what was noted is not enough."""
    then, now = (_state(store, name, each) for each in (before, after))
    if then is None or now is None:
        return []
    return weights(store, then, now, before.state.figures[name].values, after.state.figures[name].values)


def _state(store: Store, name: str, noted: Noted) -> State | None:
    said = noted.state.figures.get(name)
    if said is None or noted.names is None:
        return None
    try:
        recipe = msgspec.json.decode(said.asked, type=Recipe | None)
    except msgspec.DecodeError:
        return None
    kept = [each for each in store.payloads() if each.sha256 in said.inputs]
    if recipe is None or recipe.measure not in MEASURES or len(kept) < len(said.inputs):
        return None
    return State(recipe, noted.names, kept)


def _file(store: Store) -> Path:
    return store.directory / _REMEMBERED
