"""Which models of a catalogue answer to what someone wants of them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from weighbridge.catalog.model import Catalog, LicenceClass, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters; all that are set must let a model pass, and what is unknown of it passes none."""

    text: str = ""
    """Words that all stand in its id, its name or its lab's, in any case."""
    open_weights: bool = False
    licence: LicenceClass | None = None
    origin: str | None = None
    """The lab's country, ISO 3166-1 alpha-2, in any case."""
    max_price: Decimal | None = None
    """The most that a million output tokens may cost on the model's cheapest endpoint, in US dollars."""
    min_context: int | None = None
    """Tokens."""
    min_params: int | None = None
    max_params: int | None = None
    """All parameters, not the active ones only."""
    tools: bool = False
    reasoning: bool = False


EVERYTHING = Wanted()


def select(catalog: Catalog, wanted: Wanted = EVERYTHING, *, when: datetime) -> list[Model]:
    """The models that pass, in the order of their ids; prices are those of `when`."""
    kept = (
        model
        for model in catalog.models.values()
        if _can(model, wanted) and _is_of(model, wanted) and _has_size(model, wanted)
        if wanted.max_price is None or _costs_at_most(model, wanted.max_price, when)
    )
    return sorted(kept, key=lambda model: model.id)


def cheapest_output(model: Model, when: datetime) -> Decimal | None:
    """US dollars for a million output tokens, below any tier, on the endpoint where it is least; None if unknown."""
    prices = (endpoint.price_at(when) for endpoint in model.endpoints)
    return min((price.output.base for price in prices if price is not None), default=None)


def _can(model: Model, wanted: Wanted) -> bool:
    return bool(
        (not wanted.open_weights or model.open_weights)
        and (not wanted.tools or model.tools)
        and (not wanted.reasoning or model.reasoning)
    )


def _is_of(model: Model, wanted: Wanted) -> bool:
    lab, licence = model.lab, model.licence
    if wanted.licence is not None and (licence is None or licence.licence_class != wanted.licence):
        return False
    if wanted.origin is not None and (lab is None or lab.country != wanted.origin.upper()):
        return False
    named = " ".join((model.id, model.name or "", "" if lab is None else lab.name)).lower()
    return all(word in named for word in wanted.text.lower().split())


def _has_size(model: Model, wanted: Wanted) -> bool:
    return (
        _between(model.context, wanted.min_context, None)
        and _between(model.total_params, wanted.min_params, None)
        and _between(model.total_params, None, wanted.max_params)
    )


def _between(count: int | None, least: int | None, most: int | None) -> bool:
    if least is None and most is None:
        return True
    return count is not None and (least is None or count >= least) and (most is None or count <= most)


def _costs_at_most(model: Model, most: Decimal, when: datetime) -> bool:
    cheapest = cheapest_output(model, when)
    return cheapest is not None and cheapest <= most
