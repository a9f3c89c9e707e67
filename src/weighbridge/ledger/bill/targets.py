"""Which endpoints a month is counted again on, and where entries must be told apart for it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.ledger.bill.modelled import Seen, Target, Traits
from weighbridge.ledger.bill.tally import Cuts

_MINUTE: Final = 60_000_000
"""Microseconds."""


def traits(name: str | None, catalog: Catalog, tokenizers: Tokenizers) -> Traits:
    """What is known of a recorded model."""
    model = None if name is None else catalog.find(name)
    if model is None:
        return Traits()
    return Traits(tokenizers.family(model.id), model.reasoning, "embedding" in (model.output_modalities or ()))


def targets(
    model: Model,
    endpoints: Sequence[Endpoint],
    *,
    catalog: Catalog,
    recorded: Iterable[str | None],
    tokenizers: Tokenizers,
    kinds: Sequence[str],
    seen: Seen,
) -> list[Target]:
    """The model at each of the endpoints. `recorded` are the models of the ledger, `kinds` those of their text."""
    own = traits(model.id, catalog, tokenizers)
    families = {name: traits(name, catalog, tokenizers).family for name in recorded}
    ratios = {name: tokenizers.ratio(family, own.family, kinds) for name, family in families.items()}
    return [Target(model.id, each, own, each.context or model.context, ratios, seen) for each in endpoints]


def worth_counting(model: Model) -> list[Endpoint]:
    """The endpoints that are compared where none is named: what costs nothing is left out if something does not."""
    priced = [each for each in model.endpoints if each.prices]
    paid = [each for each in priced if any(price.input.base or price.output.base for price in each.prices)]
    return paid or priced or list(model.endpoints)


def cuts(many: Iterable[Target]) -> Cuts:
    """Where the prices and the contexts of all the targets begin to treat entries otherwise."""
    hours: set[int] = set()
    prompts: set[int] = set()
    wholes: set[int] = set()
    days: set[date] = set()
    for target in many:
        ratios = {Decimal(1)}.union(*((each.low, each.middle, each.high) for each in target.ratios.values()))
        days.update(each for each in (target.endpoint.since, target.endpoint.until) if each is not None)
        for price in target.endpoint.prices:
            days.update(() if price.since is None else (price.since,))
            hours.update(_of_day(each) for each in price.hours or ())
            rates = (price.input, price.output, price.cache_read, price.cache_write)
            starts = {start for rate in rates if rate is not None for start, _ in rate.tiers}
            prompts.update(int(start / ratio) for start in starts for ratio in ratios)
        if target.context is not None:
            middles = {Decimal(1)}.union(each.middle for each in target.ratios.values())
            wholes.update(int(target.context / ratio) for ratio in middles)
    return Cuts(tuple(sorted(hours - {0})), tuple(sorted(prompts)), tuple(sorted(wholes)), tuple(sorted(days)))


def _of_day(at: time) -> int:
    return (at.hour * 60 + at.minute) * _MINUTE + at.second * 1_000_000 + at.microsecond
