"""What is on offer here: the catalogue with what the settings add to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from weighbridge.catalog.load import OWN_MACHINE, load
from weighbridge.catalog.model import Catalog, Endpoint, Price, Rate
from weighbridge.catalog.shelf import with_endpoint
from weighbridge.config import ProviderModel, Settings
from weighbridge.serving.engines import Upstream

LOCAL: Final = "local"
"""The id under which the catalogue lists what we run ourselves."""


def offered(settings: Settings, providers: tuple[str, ...], engines: Sequence[Upstream], when: datetime) -> Catalog:
    """The data's models with what is set up here: providers' listings, engines, the settings' own models."""
    like = {name: own.habits for name, own in settings.providers.items() if own.habits is not None}
    catalog = load(providers, when=when, habits_like=like)
    for engine in engines:
        catalog = with_endpoint(catalog, Endpoint(LOCAL, engine.model, engine.model, (OWN_MACHINE,)))
    for provider, own in settings.providers.items():
        for model in own.models if provider in providers else ():
            catalog = with_endpoint(catalog, _own_endpoint(provider, model))
    return catalog


def _own_endpoint(provider: str, model: ProviderModel) -> Endpoint:
    name = model.model or f"{provider}/{model.id}"
    if model.input is None or model.output is None:
        return Endpoint(provider, model.id, name, context=model.context)
    price = Price(
        id=f"settings:{provider}/{model.id}",
        source="settings",
        input=Rate(model.input),
        output=Rate(model.output),
        cache_read=None if model.cache_read is None else Rate(model.cache_read),
        cache_write=None if model.cache_write is None else Rate(model.cache_write),
    )
    return Endpoint(provider, model.id, name, (price,), context=model.context)
