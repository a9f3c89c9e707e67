"""Which model is meant, and which endpoints to try, in which order. Values in, values out."""

from collections.abc import Container
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Catalog, Endpoint, Model, Price
from weighbridge.errors import UnknownModel

Planned = tuple[Endpoint, Price | None]

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


def plan(model: Model, when: datetime) -> list[Planned]:
    """The model's endpoints with the price row in force, cheapest first, unknown prices last."""
    if len(model.endpoints) == 1:
        return [(model.endpoints[0], model.endpoints[0].price_at(when))]
    return sorted(((endpoint, endpoint.price_at(when)) for endpoint in model.endpoints), key=_rank)


def _rank(planned: Planned) -> tuple[bool, Decimal, str]:
    endpoint, price = planned
    if price is None:
        return True, Decimal(0), endpoint.provider
    # chat traffic reads about three tokens for each that it writes
    return False, 3 * price.input.base + price.output.base, endpoint.provider
