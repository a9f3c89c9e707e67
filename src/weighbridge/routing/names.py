"""Which model a name means. Values in, values out."""

from collections.abc import Container
from dataclasses import replace
from typing import Final

from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.errors import UnknownModel

_SHOWN: Final = 200
"""Characters of a name that are compared and shown: likeness takes time by length."""


def model_named(name: str, catalog: Catalog, providers: Container[str]) -> Model:
    """The model a request asks for: an id, an alias, or `provider/name` for whatever a provider calls by that name.

    Raises UnknownModel, naming the nearest ids.
    """
    model = catalog.find(name)
    if model is not None and model.endpoints:
        return model
    provider, _, upstream = name.partition("/")
    if upstream and provider in providers:
        return _at_provider(provider, upstream, catalog) or _stranger(provider, upstream, catalog)
    if model is not None:
        raise UnknownModel(
            f"{model.id!r} is known, but no provider that is set up here serves it; "
            "`weighbridge doctor` says which keys are set, GET /v1/models what can be asked for",
            param="model",
        )
    nearest = ", ".join(map(repr, catalog.nearest(name[:_SHOWN]))) or "none that is like it"
    raise UnknownModel(
        f"there is no model {name[:_SHOWN]!r}; the nearest: {nearest} (all: GET /v1/models)", param="model"
    )


def _at_provider(provider: str, upstream: str, catalog: Catalog) -> Model | None:
    """The model that we know the provider to call so, at this provider alone: its price holds under any name."""
    for model in catalog.models.values():
        for endpoint in model.endpoints:
            if endpoint.provider == provider and endpoint.upstream_model == upstream:
                return replace(model, endpoints=(endpoint,))
    return None


def _stranger(provider: str, upstream: str, catalog: Catalog) -> Model:
    """A model that is in no list, by what its name tells of its habits."""
    name = f"{provider}/{upstream}"
    habits = catalog.habits_of(provider, upstream)
    return Model(name, endpoints=(Endpoint(provider, upstream, name, habits=habits),))
