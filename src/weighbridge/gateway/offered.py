"""What a key may ask for, as lists have it: the models that some endpoint serves, and the names of the settings."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Catalog, Model

Own = Callable[[], Iterable[tuple[str, tuple[Model, ...]]]]
"""The aliases and presets, each with what it means now: a model and its fallbacks."""


def offered(key: Key, catalog: Catalog, own: Own) -> list[Model]:
    """All of them, by id; an alias or a preset is listed as the first of its models, under its own name."""
    served = {model.id: model for model in catalog.models.values() if model.endpoints and key.admits(model.id)}
    return sorted((served | _under_own_names(key, own)).values(), key=lambda model: model.id)


def found(name: str, key: Key, catalog: Catalog, own: Own) -> Model | None:
    """The one of this name, whatever its case; None: there is none."""
    named = _under_own_names(key, own)
    lowered = name.lower()
    mine = next((model for each, model in named.items() if each.lower() == lowered), None)
    model = mine or catalog.find(name)
    return model if model is not None and model.endpoints and (mine or key.admits(model.id)) else None


def _under_own_names(key: Key, own: Own) -> dict[str, Model]:
    meant = ((name, next((each for each in models if key.admits(each.id)), None)) for name, models in own())
    return {name: replace(model, id=name) for name, model in meant if model is not None}
