"""Which models a name means, and what the name asks of their providers. Values in, values out.

A name that is found whole is never cut: names with a `:` are common among those that run models themselves. It may be,
in this order: an alias or a preset of the settings; an id of the catalogue or another name of it; `@preset/name` or
`model@preset/name`; `~lab/family-latest`; `provider/name`, for whatever the provider calls so; and any of them with one
of OpenRouter's suffixes behind it. https://openrouter.ai/docs/guides/routing/model-variants/overview
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Final

import msgspec

from weighbridge.catalog.model import Catalog, Endpoint, Model, Price
from weighbridge.errors import BadRequest, UnknownModel
from weighbridge.routing.latest import latest
from weighbridge.wire.defaults import Defaults
from weighbridge.wire.preferences import Preferences, Priority, Sorted, Sorting

_SHOWN: Final = 200
"""Characters of a name that are compared and shown: likeness takes time by length."""
AUTO: Final = "auto"
"""The name by which whatever is good enough is asked for, where the settings and the catalogue give it no meaning."""
_PRESET: Final = "@preset/"
_SORTS: Final[dict[str, Sorted]] = {"floor": "price", "nitro": "throughput"}
_FREE: Final = "free"
_MOST_NARROWED: Final = 1000
"""Models with fewer endpoints that are remembered."""
_LONG: Final = 10**9
"""Tokens of a prompt that is in the last tier of any price."""
_NOT_OURS: Final = {
    "online": "there is no web search here: offer the model a tool",
    "thinking": "ask with `reasoning` or `reasoning_effort` instead",
    "exacto": "nobody measures here how well a provider calls tools; say which in `provider.order`",
    "extended": "a model has the context that its provider gives it",
    "batch": "there are no batches here",
}
"""OpenRouter's other suffixes, and what to do instead."""


class Preset(msgspec.Struct, frozen=True):
    """What is asked by one name: models, and what is said of a request that does not say it itself."""

    name: str
    models: tuple[str, ...] = ()
    """The first, and its fallbacks in their order; none: the request names its own."""
    provider: Preferences | None = None
    defaults: Defaults | None = None
    priority: Priority | None = None
    cache: str | None = None
    """As `x-weighbridge-cache` says it."""
    resume: bool | None = None
    hedge: bool | None = None


class Dated(msgspec.Struct, frozen=True):
    """What an alias means from a day on, in UTC; None: since ever."""

    models: tuple[str, ...]
    since: date | None = None


class Named(msgspec.Struct, frozen=True):
    """What a name means."""

    models: tuple[Model, ...]
    """The first, and its fallbacks in their order."""
    sort: Sorted | None = None

    def of(self, wanted: Preferences | None, *, by_client: bool) -> Preferences | None:
        """These preferences with what the name asks; `by_client`: the request says them itself.

        Raises BadRequest where it contradicts its own name.
        """
        if self.sort is None:
            return wanted
        said = None if wanted is None else wanted.sort
        by = said.by if isinstance(said, Sorting) else said
        if by_client and by not in (None, self.sort):
            raise BadRequest(
                f"provider.sort: the model's suffix sorts by {self.sort}, and this by {by}; leave one of them out",
                param="provider.sort",
            )
        sort = msgspec.structs.replace(said, by=self.sort) if isinstance(said, Sorting) else self.sort
        return msgspec.structs.replace(wanted or Preferences(), sort=sort)


class _Here(msgspec.Struct, frozen=True):
    """What is on offer at a moment."""

    catalog: Catalog
    providers: Container[str]
    when: datetime


class Names:
    """The names of the settings, over those of the catalogue."""

    def __init__(
        self, aliases: Mapping[str, Sequence[Dated]] | None = None, presets: Mapping[str, Preset] | None = None
    ) -> None:
        self._aliases = {name.lower(): _in_order(rows) for name, rows in (aliases or {}).items()}
        self.presets = {name.lower(): preset for name, preset in (presets or {}).items()}
        self._plain = Names() if self._aliases or self.presets else self
        """The catalogue's alone: what the settings' names mean."""
        self._narrowed: dict[tuple[int, tuple[str, ...]], tuple[Model, Model]] = {}
        self._places: tuple[Catalog | None, Mapping[tuple[str, str], tuple[Model, Endpoint]]] = None, {}
        self._latest: tuple[Catalog | None, Mapping[str, str]] = None, {}

    def named(self, name: str, catalog: Catalog, providers: Container[str], when: datetime) -> Named:
        """The models a request asks for by this name, at `when` (aware). Raises UnknownModel, naming the nearest."""
        model = self.plain(name, catalog)
        if model is not None and model.endpoints:
            return Named((model,))
        return self._named(name, _Here(catalog, providers, when))

    def plain(self, name: str, catalog: Catalog) -> Model | None:
        """The model of this name, where the settings give none of their own: what most requests name."""
        return catalog.find(name) if self._plain is self else None

    def _named(self, name: str, here: _Here) -> Named:
        found = self._found(name, here)
        if found is not None:
            return found
        provider, _, upstream = name.partition("/")
        if upstream and provider in here.providers:
            place = self._listed_at(here.catalog).get((provider, upstream))
            if place is None:
                return Named((_stranger(provider, upstream, here.catalog),))
            model, endpoint = place  # at this provider alone; its price holds under any name
            return Named((self._only(model, (endpoint,)),))
        raise self._unknown(name, here.catalog)

    def preset_in(self, name: str, catalog: Catalog) -> Preset | None:
        """The preset that the name of a model names. Raises UnknownModel where there is none of that name."""
        _, at, called = name.partition(_PRESET)
        if not at and not self.presets:
            return None
        for part in (called, _base(called)) if at else (name, _base(name)):
            preset = self.presets.get(part.lower())
            if preset is not None or (not at and self._is_whole(part, catalog)):
                return preset
        return self.preset(_base(called)) if at else None

    def _is_whole(self, name: str, catalog: Catalog) -> bool:
        if name.lower() in self._aliases:
            return True
        model = catalog.find(name)
        return model is not None and bool(model.endpoints)

    def preset(self, called: str) -> Preset:
        """The preset of this name. Raises UnknownModel, naming the nearest."""
        preset = self.presets.get(called.lower())
        if preset is None:
            near = ", ".join(map(repr, get_close_matches(called.lower(), self.presets, 3))) or "none that is like it"
            raise UnknownModel(f"there is no preset {called[:_SHOWN]!r}; the nearest: {near}", param="model")
        return preset

    def listed(
        self, catalog: Catalog, providers: Container[str], when: datetime
    ) -> Iterator[tuple[str, tuple[Model, ...]]]:
        """The names of the settings that mean something now, and what."""
        for name in sorted({*self._aliases, *(name for name, preset in self.presets.items() if preset.models)}):
            try:
                yield name, self.named(name, catalog, providers, when).models
            except UnknownModel:
                continue

    def latest(self, catalog: Catalog) -> Mapping[str, str]:
        """The ids that `~lab/family-latest` stands for."""
        known, found = self._latest
        if known is not catalog:
            found = latest(catalog.models.values())
            self._latest = catalog, found
        return found

    def _found(self, name: str, here: _Here) -> Named | None:
        """What is known by the name; None: nothing is, though a provider may."""
        lowered = name.lower()
        rows, preset = self._aliases.get(lowered), self.presets.get(lowered)
        if rows is not None:
            return self._all(_in_force(name, rows, here.when), here)
        if preset is not None:
            return self._preset_models(preset, here)
        model = here.catalog.find(name)
        if model is not None and model.endpoints:
            return Named((model,))
        base, at, called = name.partition(_PRESET)
        if at and (called.lower() in self.presets or _base(called) == called):
            preset = self.preset(called)
            if base:
                return self._named(base, here)
            return self._preset_models(preset, here)
        if name.startswith("~"):
            id_ = self.latest(here.catalog).get(lowered)
            if id_ is not None:
                return Named((here.catalog.models[id_],))
        return self._cut(name, here)

    def _cut(self, name: str, here: _Here) -> Named | None:
        """What is known by the name without its suffix, if it has one of OpenRouter's."""
        base, _, suffix = name.rpartition(":")
        suffix = suffix.lower()
        if not base or not (suffix in _SORTS or suffix == _FREE or suffix in _NOT_OURS):
            return None
        provider, _, upstream = name.partition("/")
        if upstream and provider in here.providers and (provider, upstream) in self._listed_at(here.catalog):
            return None
        known = here.catalog.find(base) is not None
        found = self._named(base, here) if known else self._found(base, here)
        if found is None:
            return None
        if suffix in _NOT_OURS:
            raise UnknownModel(
                f"{base[:_SHOWN]!r} is known, and `:{suffix}` is not offered here: {_NOT_OURS[suffix]}", param="model"
            )
        if suffix == _FREE:
            return Named(self._free(base, found.models, here.when), found.sort)
        sort = _SORTS[suffix]
        if found.sort not in (None, sort):
            raise BadRequest(
                f"model: the suffixes of {name[:_SHOWN]!r} sort by {found.sort} and by {sort}; take one", param="model"
            )
        return Named(found.models, sort)

    def _free(self, name: str, models: Sequence[Model], when: datetime) -> tuple[Model, ...]:
        """The models at those who ask nothing for them. Raises UnknownModel where nobody does."""
        free = []
        for model in models:
            endpoints = tuple(each for each in model.endpoints if _costs_nothing(each.price_at(when)))
            if endpoints:
                free.append(self._only(model, endpoints))
        if not free:
            raise UnknownModel(f"nobody here is known to serve {name[:_SHOWN]!r} for nothing", param="model")
        return tuple(free)

    def _only(self, model: Model, endpoints: tuple[Endpoint, ...]) -> Model:
        """The model at these of its endpoints: one object for all requests, as plans are remembered by it."""
        key = id(model), tuple(endpoint.id for endpoint in endpoints)
        if len(self._narrowed) > _MOST_NARROWED:
            self._narrowed = {}
        _, same = self._narrowed.setdefault(
            key, (model, replace(model, endpoints=endpoints))
        )  # kept, and its id with it
        return same

    def _listed_at(self, catalog: Catalog) -> Mapping[tuple[str, str], tuple[Model, Endpoint]]:
        """The models by their provider and what it calls them."""
        known, found = self._places
        if known is not catalog:
            listed: dict[tuple[str, str], tuple[Model, Endpoint]] = {}
            for model in catalog.models.values():
                for each in model.endpoints:
                    listed.setdefault((each.provider, each.upstream_model), (model, each))
            self._places = catalog, listed
            return listed
        return found

    def _preset_models(self, preset: Preset, here: _Here) -> Named:
        if not preset.models:
            raise UnknownModel(
                f"the preset {preset.name!r} names no model; ask for 'model@preset/{preset.name}'", param="model"
            )
        return self._all(preset.models, here)

    def _all(self, names: Sequence[str], here: _Here) -> Named:
        """What the names mean without the settings' own, so that none leads in a circle.

        Those that mean nothing now are passed over, if any means something.
        """
        models: list[Model] = []
        sort: Sorted | None = None
        told: UnknownModel | None = None
        for name in names:
            try:
                found = self._plain.named(name, here.catalog, here.providers, here.when)
            except UnknownModel as exc:
                told = told or exc
            else:
                models += [model for model in found.models if model not in models]
                sort = sort or found.sort
        if not models:
            raise told or UnknownModel("no model is named", param="model")
        return Named(tuple(models), sort)

    def _unknown(self, name: str, catalog: Catalog) -> UnknownModel:
        model = catalog.find(name)
        if model is not None:
            return UnknownModel(
                f"{model.id!r} is known, but no provider that is set up here serves it; "
                "`weighbridge doctor` says which keys are set, GET /v1/models what can be asked for",
                param="model",
            )
        shown = name[:_SHOWN]
        if name.lower() == AUTO:
            return UnknownModel(
                f"{shown!r} is no model here: nothing is proven of requests like this one (`weighbridge switch`), the "
                "settings name no models for it ([[switch.auto]]), and no alias or preset has the name",
                param="model",
            )
        own = [*self._aliases, *self.presets, *(self.latest(catalog) if name.startswith("~") else ())]
        near = [*get_close_matches(shown.lower(), own, 3), *catalog.nearest(shown)][:3]
        nearest = ", ".join(map(repr, near)) or "none that is like it"
        return UnknownModel(f"there is no model {shown!r}; the nearest: {nearest} (all: GET /v1/models)", param="model")


def _base(name: str) -> str:
    """The name without the suffixes of OpenRouter's."""
    base, _, suffix = name.rpartition(":")
    is_suffix = base and suffix.lower() in {*_SORTS, _FREE, *_NOT_OURS}
    return _base(base) if is_suffix else name


def _costs_nothing(price: Price | None) -> bool:
    return price is not None and not (price.input.at(_LONG) or price.output.at(_LONG) or price.per_request)


def _in_order(rows: Sequence[Dated]) -> tuple[Dated, ...]:
    """The latest first."""
    return tuple(sorted(rows, key=lambda row: row.since or date.min, reverse=True))


def _in_force(name: str, rows: Sequence[Dated], when: datetime) -> tuple[str, ...]:
    today = when.astimezone(UTC).date()
    for row in rows:
        if row.since is None or row.since <= today:
            return row.models
    raise UnknownModel(f"the alias {name!r} means something from {rows[-1].since} on, and nothing yet", param="model")


def _stranger(provider: str, upstream: str, catalog: Catalog) -> Model:
    """A model that is in no list, by what its name tells of its habits."""
    name = f"{provider}/{upstream}"
    habits = catalog.habits_of(provider, upstream)
    return Model(name, endpoints=(Endpoint(provider, upstream, name, habits=habits),))
