"""What moved between two states of the market's data, and why: each figure before and after, and what is new.

A state is the payloads that had been taken in by a moment: nothing is deleted, so that any earlier one can be seen
again. Rows of reviewed names are not kept by date: they are those of this version on both sides, and a figure that
moved with none of its payloads new was moved by them or by its recipe, which the snapshot of `remember` tells.
"""

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.document import FigureValue
from weighbridge.market.recipes.figure import figure
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.store import Kept, Store

Cause = Literal[
    "new data",
    "restated source",
    "new alias",
    "changed recipe",
    "new figure",
    "no longer possible",
    "changed programme",
]
"""`new data`: a payload of a later day, or of a source not there before; `restated source`: one of a day that was
there; `new alias`: reviewed names, seats or superseded models changed; `changed recipe`: the figure's own file."""
_REMEMBERED: Final = "figures.json"


class Said(msgspec.Struct, frozen=True):
    """What a figure came to, and what it rested on."""

    values: list[FigureValue]
    inputs: list[str]
    recipe: str
    """The SHA-256 of its recipe, as is."""


class Remembered(msgspec.Struct, frozen=True):
    """All figures at a moment."""

    at: datetime
    names: str
    """The SHA-256 of the reviewed rows."""
    figures: dict[str, Said]


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


class Diff(msgspec.Struct, frozen=True):
    """What moved since a moment; null where no figures were remembered before."""

    since: datetime | None
    moved: list[Moved]
    unmoved: list[str]
    not_possible: dict[str, str]
    """Figures that cannot be worked out, and why."""


def worked_out(store: Store, now: datetime) -> tuple[Remembered, dict[str, str]]:
    """All figures as they are, and why others are not. Raises PackageMissing."""
    figures: dict[str, Said] = {}
    why: dict[str, str] = {}
    for name, recipe in recipes().items():
        try:
            found = figure(store, name)
        except MarketError as error:
            why[name] = str(error)
            continue
        values = [FigureValue(each.name, each.unit, each.value) for each in found.measured.values]
        inputs = [each.sha256 for each in found.inputs]
        figures[name] = Said(values, inputs, sha256(msgspec.json.encode(recipe)).hexdigest())
    return Remembered(now, _names(), figures), why


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
    moved: list[Moved] = []
    unmoved: list[str] = []
    for name in sorted(then.keys() | after.figures.keys()):
        old, new = then.get(name), after.figures.get(name)
        if old is not None and new is not None and old.values == new.values:
            unmoved.append(name)
            continue
        fresh = [kept[each] for each in (new.inputs if new else []) if old is None or each not in old.inputs]
        moved.append(
            Moved(
                name,
                _causes(old, new, fresh, kept, renamed=renamed),
                old.values if old else [],
                new.values if new else [],
                [_input(each) for each in fresh],
            )
        )
    return Diff(None if before is None else before.at, moved, unmoved, dict(why))


def _causes(
    old: Said | None, new: Said | None, fresh: list[Kept], kept: Mapping[str, Kept], *, renamed: bool
) -> list[Cause]:
    """All that may have moved it; what is told is what changed, not how much of the difference each made."""
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


def _names() -> str:
    """Of all reviewed rows: files of market/identity/data, and the labs."""
    digest = sha256()
    for file in (
        *_below(files("weighbridge.market.identity") / "data"),
        files("weighbridge.catalog") / "data" / "labs.toml",
    ):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _below(folder: Traversable) -> list[Traversable]:
    return sorted((each for each in folder.iterdir() if each.is_file()), key=lambda each: each.name)


def _file(store: Store) -> Path:
    return store.directory / _REMEMBERED
