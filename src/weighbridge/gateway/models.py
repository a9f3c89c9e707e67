"""GET /v1/models and /v1/models/{id}: what can be asked for here, with the facts that OpenAI's list lacks."""

import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.errors import UnknownModel
from weighbridge.gateway import answers
from weighbridge.gateway.offered import Own, found, offered
from weighbridge.ledger.cost import plain
from weighbridge.routing.listing import cheapest_first
from weighbridge.transport.message import Reply, Request


class ListedLicence(msgspec.Struct):
    """Of the model: SPDX's id where there is one, else `LicenseRef-…`."""

    id: str
    # "class" is no name in Python
    licence_class: str = msgspec.field(name="class")


class ListedPrice(msgspec.Struct):
    """The price row in force now: US dollars in digits, for a million tokens, `request` for each request."""

    id: str
    source: str
    since: date | None
    input: str
    output: str
    cache_read: str | None
    cache_write: str | None
    request: str
    tiers: list["ListedTier"]


class ListedTier(msgspec.Struct):
    """What the whole prompt pays when it has more tokens than `above`."""

    above: int
    input: str
    output: str
    cache_read: str | None
    cache_write: str | None


class ListedEndpoint(msgspec.Struct):
    """Who serves the model."""

    provider: str
    model: str
    """The provider's own name for it."""
    quantisation: str | None
    region: str | None
    context_length: int | None
    price: ListedPrice | None
    """Null where it is not known, never zero by guess."""


class ListedModel(msgspec.Struct):
    """A model that can be asked for. Null is unknown."""

    id: str
    created: int
    """Seconds since 1970 of the release; 0 where it is not known, as the field may not be absent."""
    owned_by: str
    object: Literal["model"] = "model"
    name: str | None = None
    stands_for: tuple[str, ...] | None = None
    """Of an alias or a preset: the model that it means now, whose facts these are, and its fallbacks."""
    lab: str | None = None
    origin: str | None = None
    """Country of the lab."""
    licence: ListedLicence | None = None
    open_weights: bool | None = None
    total_parameters: int | None = None
    active_parameters: int | None = None
    context_length: int | None = None
    max_output_tokens: int | None = None
    input_modalities: tuple[str, ...] | None = None
    output_modalities: tuple[str, ...] | None = None
    tools: bool | None = None
    reasoning: bool | None = None
    released: date | None = None
    base_model: str | None = None
    source: str | None = None
    """Where the catalogue has these facts from."""
    providers: tuple[str, ...] = ()
    endpoints: tuple[ListedEndpoint, ...] = ()
    """The cheapest first."""


class ModelList(msgspec.Struct):
    """All that the key may ask for, by id."""

    data: list[ListedModel]
    object: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class Models:
    """The models that some endpoint serves and the key may ask for. Null is unknown."""

    open: Callable[[Request], Key]
    catalog: Callable[[], Catalog]
    now: Callable[[], datetime]
    own: Own = tuple

    async def list(self, request: Request, reply: Reply) -> None:
        """All of them, by id."""
        now, meant = self.now(), dict(self.own())
        listed = [_listed(model, now, meant.get(model.id, ())) for model in self.served(request)]
        answers.document(reply, ModelList(listed))

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them. Raises UnknownModel for any other."""
        model = self.named(request)
        answers.document(reply, _listed(model, self.now(), dict(self.own()).get(model.id, ())))

    def served(self, request: Request) -> "builtins.list[Model]":
        """All of them, by id. Raises Unauthorized."""
        return offered(self.open(request), self.catalog(), self.own)

    def named(self, request: Request) -> Model:
        """The one at the end of the path. Raises Unauthorized or UnknownModel."""
        key = self.open(request)
        catalog = self.catalog()
        name = request.path.removeprefix("/v1/models/")
        model = found(name, key, catalog, self.own)
        if model is None:
            nearest = ", ".join(map(repr, catalog.nearest(name))) or "none that is like it"
            raise UnknownModel(f"there is no model {name[:200]!r}; the nearest: {nearest} (all: GET /v1/models)")
        return model


def _listed(model: Model, now: datetime, meant: Sequence[Model] = ()) -> ListedModel:
    released = 0 if model.released is None else int(datetime.combine(model.released, time(), UTC).timestamp())
    lab = model.lab
    return ListedModel(
        id=model.id,
        created=released,
        stands_for=tuple(each.id for each in meant) or None,
        owned_by=model.id.partition("/")[0] if lab is None else lab.slug,
        name=model.name,
        lab=None if lab is None else lab.name,
        origin=None if lab is None else lab.country,
        licence=None if model.licence is None else ListedLicence(model.licence.id, model.licence.licence_class),
        open_weights=model.open_weights,
        total_parameters=model.total_params,
        active_parameters=model.active_params,
        context_length=model.context,
        max_output_tokens=model.max_output,
        input_modalities=model.input_modalities,
        output_modalities=model.output_modalities,
        tools=model.tools,
        reasoning=model.reasoning,
        released=model.released,
        base_model=model.base_model,
        source=model.source,
        providers=tuple(dict.fromkeys(endpoint.provider for endpoint in model.endpoints)),
        endpoints=tuple(_endpoint(model, *listed) for listed in cheapest_first(model, now)),
    )


def _endpoint(model: Model, endpoint: Endpoint, price: Price | None) -> ListedEndpoint:
    return ListedEndpoint(
        provider=endpoint.provider,
        model=endpoint.upstream_model,
        quantisation=endpoint.quantisation,
        region=endpoint.region,
        context_length=endpoint.context or model.context,
        price=None if price is None else _price(price),
    )


def _price(price: Price) -> ListedPrice:
    rates = [rate for rate in (price.input, price.output, price.cache_read, price.cache_write) if rate is not None]
    starts = sorted({start for rate in rates for start, _ in rate.tiers})
    return ListedPrice(
        id=price.id,
        source=price.source,
        since=price.since,
        input=plain(price.input.base),
        output=plain(price.output.base),
        cache_read=_base(price.cache_read),
        cache_write=_base(price.cache_write),
        request=plain(price.per_request),
        tiers=[_tier(start, price) for start in starts],
    )


def _tier(start: int, price: Price) -> ListedTier:
    read, written = price.cache_read, price.cache_write
    return ListedTier(
        above=start,
        input=plain(price.input.at(start + 1)),
        output=plain(price.output.at(start + 1)),
        cache_read=None if read is None else plain(read.at(start + 1)),
        cache_write=None if written is None else plain(written.at(start + 1)),
    )


def _base(rate: Rate | None) -> str | None:
    return None if rate is None else plain(rate.base)
