"""Whom a source's names mean: reviewed rows only, each with its source, by exact name.

The labs are the catalogue's, which the ledger groups by too; entities.toml has those that the catalogue lacks.
What no row names is unknown: it stays in every sum, and its share is told with every figure.
"""

import csv
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from weighbridge.catalog.load import every_model
from weighbridge.catalog.places import places
from weighbridge.errors import MarketError

Scheme = Literal["arena", "catalogue", "epoch", "huggingface", "models.dev", "openrouter"]
"""Whose names they are; the catalogue's are ours, and the ledger's."""
Kind = Literal["lab", "university", "nonprofit", "community", "individual", "repackager", "stealth"]


Reviewed = date | None
"""When someone who had not written a row read it against its source and the data; None: nobody has yet."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A seat, from a day on."""

    country: str
    source: str
    since: date | None = None
    reviewed: Reviewed = None


class Parent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The entity that owns another, from a day on."""

    entity: str
    source: str
    since: date | None = None
    reviewed: Reviewed = None


class Entity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who makes models."""

    name: str
    places: tuple[Place, ...]
    parent: Parent | None = None

    def place(self, day: date) -> Place | None:
        """Its seat on a day."""
        then = [place for place in self.places if place.since is None or place.since <= day]
        return max(then, key=lambda place: place.since or date.min, default=None)


class Publisher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name of a scheme; `entity` is empty where nobody stands behind it who is known."""

    scheme: Scheme
    name: str
    entity: str
    kind: Kind
    source: str
    reviewed: Reviewed = None


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a scheme's name is a model of the catalogue, or of models.csv."""

    scheme: Scheme
    name: str
    model: str
    source: str
    reviewed: Reviewed = None


class Outside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that the catalogue lacks, by an id of the same making."""

    model: str
    entity: str
    open_weights: bool
    source: str
    reviewed: Reviewed = None


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a publisher of a scheme goes by a new name."""

    scheme: Scheme
    name: str
    now: str
    source: str
    reviewed: Reviewed = None


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a scheme's model was made from a model of the catalogue, by another publisher or the same."""

    scheme: Scheme
    name: str
    base: str
    relation: Literal["finetune", "adapter", "quantized", "merge", "distilled"]
    source: str
    reviewed: Reviewed = None


class Superseded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that a board's site hides, from a day on, though its data have it."""

    scheme: Scheme
    board: str
    model: str
    since: date
    source: str
    reviewed: Reviewed = None


@dataclass(frozen=True, slots=True)
class Book:
    """All reviewed rows."""

    entities: Mapping[str, Entity]
    publishers: Mapping[tuple[Scheme, str], Publisher]
    hidden: tuple[Superseded, ...] = ()
    aliases: Mapping[tuple[Scheme, str], Alias] = field(default_factory=dict)
    renames: Mapping[tuple[Scheme, str], Rename] = field(default_factory=dict)
    bases: Mapping[tuple[Scheme, str], Base] = field(default_factory=dict)
    outside: Mapping[str, Outside] = field(default_factory=dict)
    """Models that the catalogue lacks, by id."""

    def model(self, scheme: Scheme, name: str) -> str | None:
        """The id, of the catalogue or of models.csv, of what a scheme calls so; None where no reviewed row says it.

        OpenRouter's variants (`:free`) are the model; its slugs and these ids are of one making, and so the same
        letters are the same model.
        """
        plain = name.split(":", maxsplit=1)[0] if scheme == "openrouter" else name
        if (row := self.aliases.get((scheme, plain))) is not None:
            return row.model
        there = plain in every_model() or plain in self.outside
        return plain if scheme in ("catalogue", "openrouter") and there else None

    def models(self, scheme: Scheme) -> dict[str, str]:
        """The catalogue's ids by a scheme's names, of all rows there are."""
        return {name: row.model for (of, name), row in self.aliases.items() if of == scheme}

    def base(self, scheme: Scheme, name: str) -> str | None:
        """The model of the catalogue that a scheme's model was made from, where a reviewed row says it."""
        row = self.bases.get((scheme, name.split(":", maxsplit=1)[0] if scheme == "openrouter" else name))
        return None if row is None else row.base

    def owner(self, entity: str, day: date) -> str:
        """Who owns an entity in the end on a day: itself, where nobody does."""
        above = self.entities[entity].parent
        owned = above is not None and (above.since is None or above.since <= day)
        return self.owner(above.entity, day) if above is not None and owned else entity

    def superseded(self, scheme: Scheme, day: date) -> frozenset[str]:
        """The models that a scheme's board hid on a day."""
        return frozenset(row.model for row in self.hidden if row.scheme == scheme and row.since <= day)

    def countries(self, scheme: Scheme, day: date) -> dict[str, str]:
        """By a scheme's names, the seat on that day of who goes by it there."""
        found = {
            name: self.entities[row.entity].place(day)
            for (of, name), row in self.publishers.items()
            if of == scheme and row.entity
        }
        return {name: place.country for name, place in found.items() if place is not None}

    def stealth(self, scheme: Scheme) -> frozenset[str]:
        """Names under which models are tried whose maker is not said."""
        return frozenset(n for (of, n), row in self.publishers.items() if of == scheme and row.kind == "stealth")


_FILES: Final = (
    "aliases.csv", "bases.csv", "entities.toml", "models.csv", "publishers.csv", "renames.csv", "superseded.csv",
)  # fmt: skip
_LABS: Final = "labs.toml"


class _Lab(msgspec.Struct, frozen=True):
    name: str
    country: str
    source: str


@cache
def book() -> Book:
    """The installed rows. Raises MarketError where they contradict themselves."""
    return read(installed(), models=every_model())


def installed() -> dict[str, str]:
    """By file, the rows as they are written, and the catalogue's labs."""
    data = files("weighbridge.market.identity") / "data"
    labs = files("weighbridge.catalog") / "data" / _LABS
    return {each.name: each.read_text(encoding="utf-8") for each in (*(data / name for name in _FILES), labs)}


def read(texts: Mapping[str, str], *, models: Collection[str] | None = None) -> Book:
    """The rows of such files, of this day or an earlier one; without `models` all that they name is taken to exist.

    Raises MarketError.
    """
    try:
        labs = msgspec.convert(tomllib.loads(texts[_LABS]), dict[str, _Lab])
        own = msgspec.convert(tomllib.loads(texts["entities.toml"]), dict[str, Entity])
        rows = msgspec.convert(_lines(texts["publishers.csv"]), list[Publisher])
        hidden = msgspec.convert(_lines(texts["superseded.csv"]), list[Superseded])
        aliases = msgspec.convert(_lines(texts["aliases.csv"]), list[Alias])
        renames = msgspec.convert(_lines(texts["renames.csv"]), list[Rename])
        bases = msgspec.convert(_lines(texts["bases.csv"]), list[Base])
        outside = msgspec.convert(_lines(texts["models.csv"]), list[Outside], strict=False)
    except (KeyError, ValueError, msgspec.ValidationError) as error:
        raise MarketError(f"market/identity/data: {error}") from error
    makers = [Publisher("catalogue", slug, slug, "lab", lab.source) for slug, lab in labs.items()]
    seated = {slug: Entity(lab.name, (Place(lab.country, lab.source),)) for slug, lab in labs.items()}
    found = checked(seated, own, rows + makers, tuple(hidden))
    lacked = {row.model for row in outside}
    named = {row.model for row in aliases} | {row.base for row in bases}
    return joined(found, aliases, renames, bases, outside, models=named - lacked if models is None else models)


def _owns_itself(slug: str, entities: Mapping[str, Entity]) -> bool:
    seen, above = {slug}, entities[slug].parent
    while above is not None and above.entity in entities:
        if above.entity in seen:
            return True
        seen.add(above.entity)
        above = entities[above.entity].parent
    return False


def _lines(text: str) -> list[dict[str, str]]:
    """Of a CSV file; a row that nobody read again yet has no `reviewed`."""
    rows = csv.DictReader(text.splitlines())
    return [{name: cell for name, cell in row.items() if cell or name != "reviewed"} for row in rows]


def checked(
    labs: Mapping[str, Entity], own: Mapping[str, Entity], rows: list[Publisher], hidden: tuple[Superseded, ...] = ()
) -> Book:
    """Rows as a book. Raises MarketError where one contradicts another."""
    if twice := labs.keys() & own.keys():
        raise MarketError(f"entities.toml: {min(twice)!r} has its home in the catalogue's labs.toml")
    entities = {**labs, **own}
    for slug, entity in entities.items():
        for place in entity.places:
            if place.country not in places().countries:
                raise MarketError(f"entities.toml, {slug!r}: {place.country!r} is no country's code")
        if entity.parent is not None and entity.parent.entity not in entities:
            raise MarketError(f"entities.toml, {slug!r}: parent {entity.parent.entity!r} is no entity")
        if _owns_itself(slug, entities):
            raise MarketError(f"entities.toml, {slug!r}: it owns itself")
    publishers: dict[tuple[Scheme, str], Publisher] = {}
    for row in rows:
        if row.entity and row.entity not in entities:
            raise MarketError(f"publishers.csv, {row.name!r}: {row.entity!r} is no entity")
        if (row.scheme, row.name) in publishers:
            raise MarketError(f"publishers.csv has {row.scheme} {row.name!r} twice")
        publishers[row.scheme, row.name] = row
    return Book(entities, publishers, hidden)


def joined(
    found: Book,
    aliases: list[Alias],
    renames: list[Rename],
    bases: list[Base],
    outside: Sequence[Outside] = (),
    *,
    models: Collection[str],
) -> Book:
    """The same book, with models joined. Raises MarketError for what names nothing, or one thing twice."""
    listed: dict[str, list[tuple[str, str]]] = {
        "aliases.csv": [(row.scheme, row.name) for row in aliases],
        "renames.csv": [(row.scheme, row.name) for row in renames],
        "bases.csv": [(row.scheme, row.name) for row in bases],
        "models.csv": [("catalogue", row.model) for row in outside],
    }
    for lacked in outside:
        if lacked.model in models:
            raise MarketError(f"models.csv: {lacked.model!r} has its home in the catalogue")
        if lacked.entity not in found.entities:
            raise MarketError(f"models.csv, {lacked.model!r}: {lacked.entity!r} is no entity")
    known = {*models, *(row.model for row in outside)}
    for name, keys in listed.items():
        if len(set(keys)) < len(keys):
            raise MarketError(f"{name} has {next(key for key in keys if keys.count(key) > 1)} twice")
    named = [(row.name, row.model) for row in aliases] + [(row.name, row.base) for row in bases]
    for name, model in named:
        if model not in known:
            raise MarketError(f"market/identity/data, {name!r}: {model!r} is no model of the catalogue or models.csv")
    for each in renames:
        before, after = (found.publishers.get((each.scheme, name)) for name in (each.name, each.now))
        if before is None or after is None or before.entity != after.entity:
            raise MarketError(f"renames.csv, {each.name!r}: publishers.csv must have both names, as one entity")
    return replace(
        found,
        aliases={(row.scheme, row.name): row for row in aliases},
        renames={(row.scheme, row.name): row for row in renames},
        bases={(row.scheme, row.name): row for row in bases},
        outside={row.model: row for row in outside},
    )
