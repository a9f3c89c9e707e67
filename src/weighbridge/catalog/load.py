"""Data files and the installed price list → one checked, immutable snapshot."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from weighbridge.catalog.facts import (
    EndpointRow,
    Facts,
    LicenceRow,
    Listing,
    ModelRow,
    PriceRow,
    RateRow,
    listed_providers,
    read_facts,
    read_listing,
    read_table,
)
from weighbridge.catalog.habits import HabitBook, read_habits
from weighbridge.catalog.model import Catalog, Endpoint, Lab, Model, Price, Rate, price_id
from weighbridge.wire.habits.profile import Habits

if TYPE_CHECKING:
    from weighbridge.catalog.prices import PriceLists

OWN_MACHINE = Price(id="local:zero", source="own machine", input=Rate(Decimal(0)), output=Rate(Decimal(0)))
"""What a model costs that runs in our own engine."""


def load(
    providers: Collection[str],
    *,
    when: datetime | None,
    data: Traversable | None = None,
    habits_like: Mapping[str, str] | None = None,
) -> Catalog:
    """Every model of the data, with the endpoints that `providers` have at `when` (aware); None: or ever had.

    A provider is named by the id of its row; `local` is the embedded engine. One without a listing adds nothing here
    (its models are discovered). `data` is the folder of data files, the installed one if None.
    `habits_like` says for a provider whose habits it has, where they are not its own.

    Raises CatalogError if the data contradict themselves.
    """
    folder = _installed() if data is None else data
    facts = _facts(data)
    listings = _listings(folder, facts, providers)
    habits = read_habits(folder / "habits", like=habits_like)
    endpoints = _endpoints(facts, listings, habits, when)
    models = {id_: _model(id_, row, facts, endpoints.get(id_, ())) for id_, row in facts.models.items()}
    return Catalog(models, _aliases(facts.models, endpoints), habits)


def every_provider(data: Traversable | None = None) -> tuple[str, ...]:
    """The ids of all providers with a listing: hand them to `load` for all listed prices, keys or none."""
    return listed_providers(_installed() if data is None else data)


def every_licence(data: Traversable | None = None) -> frozenset[str]:
    """The ids of all licences there are."""
    return frozenset(read_table((_installed() if data is None else data) / "licences.toml", LicenceRow))


def every_lab(data: Traversable | None = None) -> Mapping[str, Lab]:
    """All labs there are, by slug. Raises CatalogError."""
    return _facts(data).labs


def every_model(data: Traversable | None = None) -> frozenset[str]:
    """The ids of all models there are, and `lab/` for each lab."""
    facts = _facts(data)
    return frozenset(facts.models) | {f"{lab}/" for lab in facts.labs}


def with_discovered(
    catalog: Catalog, provider: str, upstream_models: Sequence[str], *, price_provider: str | None
) -> Catalog:
    """A snapshot that also has what `provider` itself says it serves.

    A name we know (an id or an alias, whatever its case) joins its model; any other becomes a model of which nothing
    is known, `provider/name`. `price_provider` is the provider's id in genai-prices, None if there is no list.

    Raises CatalogError if genai-prices has no such list.
    """
    models = dict(catalog.models)
    # under whatever id: the settings may have given it one, and a price
    served = {each.upstream_model for model in models.values() for each in model.endpoints if each.provider == provider}
    unserved = [upstream for upstream in dict.fromkeys(upstream_models) if upstream not in served]
    if not unserved:
        return catalog
    lists = None if price_provider is None else _price_lists()
    for upstream in unserved:
        known = catalog.find(upstream)
        id_ = known.id if known is not None and known.source is not None else f"{provider}/{upstream}"
        model = models.get(id_) or Model(id_)
        prices = lists.prices(price_provider, upstream) if lists and price_provider else ()
        endpoint = Endpoint(provider, upstream, id_, prices, habits=catalog.habits_of(provider, id_, upstream))
        models[id_] = replace(model, endpoints=(*model.endpoints, endpoint))
    return with_strangers(catalog, models)


def with_strangers(catalog: Catalog, models: Mapping[str, Model]) -> Catalog:
    """A snapshot of `models` in which those we know nothing of can be asked for by their bare name, if it is clear."""
    known_names = {name: id_ for name, id_ in catalog.aliases.items() if models[id_].source is not None}
    return replace(catalog, models=models, aliases={**_names_of_strangers(models), **known_names})


def _facts(data: Traversable | None) -> Facts:
    return _installed_facts() if data is None else read_facts(data)


@cache
def _installed_facts() -> Facts:
    """They are part of the package, and a start asks for them twice: half of its time went into reading them."""
    return read_facts(_installed())


def _installed() -> Traversable:
    return files("weighbridge.catalog") / "data"


def _price_lists() -> "PriceLists":
    from weighbridge.catalog.prices import PriceLists  # noqa: PLC0415 - half a second and 30 MB, if a list is needed

    return PriceLists()


def _listings(folder: Traversable, facts: Facts, providers: Iterable[str]) -> Mapping[str, Listing]:
    read = {provider: read_listing(folder, provider, facts.models) for provider in sorted(set(providers))}
    return {provider: listing for provider, listing in read.items() if listing is not None}


def _endpoints(
    facts: Facts, listings: Mapping[str, Listing], habits: HabitBook, when: datetime | None
) -> Mapping[str, tuple[Endpoint, ...]]:
    """By model id, in the order of the provider's id."""
    lists = _price_lists() if any(listing.price_provider for listing in listings.values()) else None
    endpoints: defaultdict[str, tuple[Endpoint, ...]] = defaultdict(tuple)
    day = None if when is None else when.astimezone(UTC).date()
    for provider, listing in listings.items():
        for upstream, row in listing.rows(day):
            prices = _prices(facts, lists, provider, listing, upstream)
            known = habits.of(provider, row.model, upstream)
            endpoints[row.model] += (_endpoint(provider, upstream, row, prices, known),)
    return endpoints


def _prices(
    facts: Facts, lists: "PriceLists | None", provider: str, listing: Listing, upstream: str
) -> tuple[Price, ...]:
    if listing.own_machine:
        return (OWN_MACHINE,)
    if own := facts.prices.get((provider, upstream)):
        return tuple(_own_price(row) for row in own)
    if lists is None or listing.price_provider is None:
        return ()
    return lists.prices(listing.price_provider, upstream)


def _own_price(row: PriceRow) -> Price:
    hours = None if row.hours is None else (row.hours[0].replace(tzinfo=UTC), row.hours[1].replace(tzinfo=UTC))
    return Price(
        id=price_id(f"weighbridge:{row.provider}/{row.upstream_model}", row.since, hours),
        source=row.source,
        input=_own_rate(row.input),
        output=_own_rate(row.output),
        cache_read=None if row.cache_read is None else _own_rate(row.cache_read),
        cache_write=None if row.cache_write is None else _own_rate(row.cache_write),
        since=row.since,
        hours=hours,
    )


def _own_rate(row: Decimal | RateRow) -> Rate:
    return Rate(row.base, row.tiers) if isinstance(row, RateRow) else Rate(row)


def _endpoint(
    provider: str, upstream: str, row: EndpointRow, prices: tuple[Price, ...], habits: Habits | None
) -> Endpoint:
    return Endpoint(
        provider,
        upstream,
        row.model,
        prices,
        row.quantisation,
        row.region,
        row.context,
        habits,
        row.since,
        row.until,
    )


def _model(id_: str, row: ModelRow, facts: Facts, endpoints: tuple[Endpoint, ...]) -> Model:
    return Model(
        id=id_,
        name=row.name,
        lab=facts.labs[id_.partition("/")[0]],
        licence=None if row.licence is None else facts.licences[row.licence],
        open_weights=row.open_weights,
        total_params=row.total_params,
        active_params=row.active_params,
        context=row.context,
        max_output=row.max_output,
        input_modalities=row.input,
        output_modalities=row.output,
        tools=row.tools,
        reasoning=row.reasoning,
        released=row.released,
        base_model=row.base_model,
        base_country=row.base_country or _base_country(id_, facts),
        source=row.source,
        endpoints=endpoints,
    )


def _base_country(id_: str, facts: Facts) -> str | None:
    """The country of the lab at the foot of a model's bases; None where no row says what stands there."""
    seen: set[str] = set()
    while (row := facts.models.get(id_)) is not None and row.base_model is not None and id_ not in seen:
        seen.add(id_)
        id_ = row.base_model
    if not seen and (row is None or not row.from_scratch):
        return None
    lab = facts.labs.get(id_.partition("/")[0])
    return None if lab is None else lab.country


def _aliases(models: Mapping[str, ModelRow], endpoints: Mapping[str, tuple[Endpoint, ...]]) -> Mapping[str, str]:
    """Lower-case names → ids. What a row states wins over an id's slug, a slug over an upstream's name for it."""
    stated = [(alias, id_) for id_, row in models.items() for alias in row.aliases]
    slugs = [(id_.partition("/")[2], id_) for id_ in models]
    upstream = [(endpoint.upstream_model, id_) for id_, served in endpoints.items() for endpoint in served]
    return {**_unambiguous(upstream), **_unambiguous(slugs), **_unambiguous(stated)}


def _names_of_strangers(models: Mapping[str, Model]) -> Mapping[str, str]:
    """Ids and bare upstream names of models we know nothing of."""
    strangers = [model for model in models.values() if model.source is None]
    bare = _unambiguous((endpoint.upstream_model, model.id) for model in strangers for endpoint in model.endpoints)
    return {**bare, **_unambiguous((model.id, model.id) for model in strangers)}


def _unambiguous(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    meant: defaultdict[str, set[str]] = defaultdict(set)
    for name, id_ in names:
        meant[name.lower()].add(id_)
    return {name: next(iter(ids)) for name, ids in meant.items() if len(ids) == 1}
