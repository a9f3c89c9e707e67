"""The catalogue in force: one snapshot at a time, replaced whole when something new is found."""

from collections.abc import Sequence
from dataclasses import replace

from weighbridge.catalog.load import with_discovered, with_strangers
from weighbridge.catalog.model import Catalog, Endpoint, Model


class Shelf:
    """Holds the snapshot; a reader takes `current` once for a request and keeps to it."""

    def __init__(self, catalog: Catalog) -> None:
        self.current = catalog

    def discovered(self, provider: str, upstream_models: Sequence[str], *, price_provider: str | None) -> None:
        """A server listed its models: add those that are new."""
        self.current = with_discovered(self.current, provider, upstream_models, price_provider=price_provider)


def with_endpoint(catalog: Catalog, endpoint: Endpoint) -> Catalog:
    """A snapshot with one more endpoint, in the place of the same provider's for the same upstream model.

    `endpoint.model` may be an id or an alias; any other name becomes a model of which nothing is known.
    """
    known = catalog.find(endpoint.model)
    model = Model(endpoint.model) if known is None else known
    habits = catalog.habits_of(endpoint.provider, model.id, endpoint.upstream_model)
    endpoint = replace(endpoint, model=model.id, habits=habits)
    others = tuple(
        each
        for each in model.endpoints
        if (each.provider, each.upstream_model) != (endpoint.provider, endpoint.upstream_model)
    )
    models = {**catalog.models, model.id: replace(model, endpoints=(*others, endpoint))}
    return with_strangers(catalog, models)
