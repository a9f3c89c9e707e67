"""Which models of a catalogue answer to what someone wants of them."""

from datetime import datetime
from decimal import Decimal

from weighbridge.catalog.model import Catalog, LicenceClass, Model


def select(
    catalog: Catalog,
    *,
    when: datetime,
    open_weights: bool = False,
    licence: LicenceClass | None = None,
    origin: str | None = None,
    max_price: Decimal | None = None,
    tools: bool = False,
) -> list[Model]:
    """The models that pass every filter set, in the order of their ids; what is unknown passes none.

    `origin` is the lab's country (ISO 3166-1 alpha-2, any case). `max_price` is the most that a million output tokens
    may cost at `when` on the model's cheapest endpoint, in US dollars.
    """
    kept = (
        model
        for model in catalog.models.values()
        if (not open_weights or model.open_weights)
        and (not tools or model.tools)
        and (licence is None or (model.licence is not None and model.licence.licence_class == licence))
        and (origin is None or (model.lab is not None and model.lab.country == origin.upper()))
        and (max_price is None or _costs_at_most(model, max_price, when))
    )
    return sorted(kept, key=lambda model: model.id)


def cheapest_output(model: Model, when: datetime) -> Decimal | None:
    """US dollars for a million output tokens, below any tier, on the endpoint where it is least; None if unknown."""
    prices = (endpoint.price_at(when) for endpoint in model.endpoints)
    return min((price.output.base for price in prices if price is not None), default=None)


def _costs_at_most(model: Model, most: Decimal, when: datetime) -> bool:
    cheapest = cheapest_output(model, when)
    return cheapest is not None and cheapest <= most
