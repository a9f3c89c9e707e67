"""What is on offer here: the catalogue with what the settings add to it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from weighbridge.catalog.load import OWN_MACHINE, every_provider, load
from weighbridge.catalog.model import Catalog, Endpoint, Host, Price, Rate
from weighbridge.catalog.places import places
from weighbridge.catalog.shelf import with_endpoint
from weighbridge.config import ConfigError, ProviderModel, ProviderSettings, Settings
from weighbridge.providers.rows import Row, read_rows
from weighbridge.serving.engines import Upstream

LOCAL: Final = "local"
"""The id under which the catalogue lists what we run ourselves."""
LLAMA_CPP: Final = "llama-server"
"""The row of the engine that runs it."""


def offered(
    settings: Settings, providers: tuple[str, ...], engines: Sequence[Upstream], when: datetime | None
) -> Catalog:
    """The data's models with what is set up here: providers' listings, engines, the settings' own models.

    Without `when`, with all endpoints that ever were listed.
    """
    like = {name: own.habits for name, own in settings.providers.items() if own.habits is not None}
    catalog = load(providers, when=when, habits_like=like)
    for engine in engines:
        catalog = with_endpoint(catalog, Endpoint(LOCAL, engine.model, engine.model, (OWN_MACHINE,)))
    for provider, own in settings.providers.items():
        for model in own.models if provider in providers else ():
            catalog = with_endpoint(catalog, _own_endpoint(provider, model))
    return replace(catalog, hosts=hosts(settings, read_rows()))


def whole(settings: Settings, when: datetime | None) -> Catalog:
    """Every endpoint that is known or set up, whether it can be called here or not; without `when`, that ever was.

    Raises ConfigError.
    """
    return offered(settings, tuple(dict.fromkeys((*every_provider(), *settings.providers))), (), when)


def hosts(settings: Settings, rows: Sequence[Row]) -> Mapping[str, Host]:
    """Under whose law and on what terms each provider serves: what the settings say, else what its row does.

    Raises ConfigError for a country or a region that there is not.
    """
    known = {row.id: _host(row, _address(row, settings)) for row in rows}
    llama = next((row for row in rows if row.id == LLAMA_CPP), None)
    told = {
        provider: _told(known.get(provider) or Host(provider, provider), own)
        for provider, own in settings.providers.items()
    }
    return known | told | {LOCAL: replace(OWN_MACHINE_HOST, parameters=None if llama is None else _parameters(llama))}


OWN_MACHINE_HOST: Final = Host(
    LOCAL, "this machine", retention_days=0, trains=False, own_machine=True, source="nothing leaves the machine"
)


def _address(row: Row, settings: Settings) -> str | None:
    own = settings.providers.get(row.id)
    if own is not None and own.base_url is not None:
        return own.base_url
    told = None if row.base_url_env is None else settings.secrets.get(row.base_url_env)
    return row.base_url if told is None else told.reveal()


def _host(row: Row, address: str | None) -> Host:
    """What the row says holds for the row's own address: another may be another company's, in another country."""
    if address is not None and row.base_url is not None and address.rstrip("/") != row.base_url:
        return Host(row.id, row.name)
    return Host(
        id=row.id,
        name=row.name,
        country=row.country,
        region=row.region,
        retention_days=row.retention_days,
        trains=row.trains,
        data_except=row.data_except,
        passes_on=row.passes_on,
        parameters=_parameters(row),
        source=row.data_source or row.country_source,
    )


def _parameters(row: Row) -> frozenset[str] | None:
    return None if row.parameters is None else frozenset(row.parameters)


def _told(host: Host, own: ProviderSettings) -> Host:
    if own.parameters:
        host = replace(host, parameters=frozenset(own.parameters))
    if own.own_machine:
        return replace(OWN_MACHINE_HOST, id=host.id, name=host.name, parameters=host.parameters, source=_SETTINGS)
    for field, place, valid in (
        ("country", own.country, places().countries),
        ("region", own.region, {*places().countries, *places().groups}),
    ):
        if place is not None and place not in valid:
            raise ConfigError(f"providers.{host.id}.{field}: there is no {place!r}{places().nearest(place)}")
    told = (own.country, own.region, own.retention_days, own.trains)
    if all(each is None for each in told):
        return host
    if host.passes_on:  # what its owner says holds for all to whom it passes on; its own seat does not
        host = Host(host.id, host.name, parameters=host.parameters)
    return replace(
        host,
        country=own.country or host.country,
        region=own.region or host.region,
        retention_days=host.retention_days if own.retention_days is None else own.retention_days,
        trains=host.trains if own.trains is None else own.trains,
        source=_SETTINGS,
    )


_SETTINGS: Final = "your settings"


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
