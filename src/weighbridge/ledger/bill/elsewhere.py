"""What one answer would have cost on other models: the cheapest open ones that can do the same. Pure.

It says nothing of how good their answers would be; proof of that is `weighbridge.switch`. What is compared:

- models with open weights that are served at a price, other than the one that answered, and no smaller than it; where
  its size is not known, as makers of closed models do not tell, of LARGE parameters or more;
- that take what the request had (tools, effort of reasoning, fields that a provider is known not to take), and whose
  context holds its prompt and answer. What is not known of a model's tools or reasoning does not pass;
- each at its cheapest endpoint. What costs nothing (a machine of one's own, a free trial) is no price, and left out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Catalog, Endpoint, Model, Price
from weighbridge.catalog.tokenizers import USUAL, Ratio, Tokenizers
from weighbridge.ledger.bill.modelled import Bases, Target, Traits, as_recorded, counts, too_long
from weighbridge.ledger.bill.recount import cost_there
from weighbridge.ledger.bill.tally import Tally, Triple
from weighbridge.ledger.bill.targets import traits

LARGE: Final = 100_000_000_000
"""Parameters in all, of models that are held against one whose size nobody tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a request asks of whoever answers it."""

    tools: bool = False
    reasoning: bool = False
    """It says how hard to think."""
    parameters: frozenset[str] = frozenset()
    """The names of its fields, as `wire.parameters` has them."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The same answer on another model. US dollars."""

    model: Model
    endpoint: Endpoint
    price: Price
    there: Triple
    """With every assumption at its cheapest, as expected, at its dearest."""
    equal: Decimal
    """What the very tokens of the entry would have cost: the comparison of price lists alone."""
    bases: Bases
    """On what each part of `there` rests."""
    ratio: Ratio
    """Its tokens for one of the answering model's."""
    sized: bool
    """Whether the size of the model that answered is known; else it is held against LARGE ones."""


def elsewhere(
    tally: Tally,
    needs: Needs,
    catalog: Catalog,
    tokenizers: Tokenizers,
    *,
    when: datetime,
    most: int = 3,
    allowed: Callable[[Model, Endpoint], bool] = lambda model, endpoint: True,
) -> list[Elsewhere]:
    """The cheapest `most`, the cheapest first, at the prices in force at `when`; none where nothing was used.

    `tally` is that of one entry (`kept.tally_of`); `allowed` says whom the policy lets answer.
    """
    if tally.counted_by is None or tally.given_again:
        return []
    comparison = _Comparison(tally, needs, catalog, tokenizers, when, allowed)
    found = (comparison.of(model) for model in comparison.models())
    ranked = sorted((each for each in found if each is not None), key=lambda each: (each.there[1], each.model.id))
    return ranked[:most]


@dataclass(frozen=True, slots=True)
class _Comparison:
    tally: Tally
    needs: Needs
    catalog: Catalog
    tokenizers: Tokenizers
    when: datetime
    allowed: Callable[[Model, Endpoint], bool]

    def models(self) -> Iterator[Model]:
        """Those that can do the same, as far as the catalogue knows."""
        recorded = self._recorded()
        least = self._size() or LARGE
        for model in self.catalog.models.values():
            if model.open_weights and (recorded is None or model.id != recorded.id) and self._able(model, least):
                yield model

    def of(self, model: Model) -> Elsewhere | None:
        """The model at the endpoint where it costs least; None where it has none that would do."""
        found = [each for each in (self._at(model, *offer) for offer in self._offers(model)) if each is not None]
        return min(found, key=lambda each: (each.there[1], each.endpoint.id), default=None)

    def _recorded(self) -> Model | None:
        return None if self.tally.model is None else self.catalog.find(self.tally.model)

    def _size(self) -> int | None:
        """Parameters of the model that answered."""
        recorded = self._recorded()
        return None if recorded is None else recorded.total_params

    def _able(self, model: Model, least: int) -> bool:
        if model.output_modalities is not None and "text" not in model.output_modalities:
            return False
        if model.released is not None and model.released > self.when.date():
            return False
        lacks = (self.needs.tools and not model.tools) or (self.needs.reasoning and not model.reasoning)
        return not lacks and model.total_params is not None and model.total_params >= least

    def _offers(self, model: Model) -> Iterator[tuple[Endpoint, Price]]:
        for endpoint in model.endpoints:
            price = endpoint.price_at(self.when)
            if price is None or not _is_paid(price) or not endpoint.served_on(self.when.date()):
                continue
            takes = self.catalog.host(endpoint.provider).parameters
            if (takes is None or self.needs.parameters <= takes) and self.allowed(model, endpoint):
                yield endpoint, price

    def _at(self, model: Model, endpoint: Endpoint, price: Price) -> Elsewhere | None:
        target = self._target(model, endpoint)
        if too_long(self.tally, target):
            return None
        found, bases = counts(self.tally, target, self._traits(self.tally.model))
        low, middle, high = (cost_there(price, self.tally, each) for each in found)
        equal = cost_there(price, self.tally, as_recorded(self.tally))
        ratio = target.ratio(self.tally.model)
        return Elsewhere(model, endpoint, price, (low, middle, high), equal, bases, ratio, self._size() is not None)

    def _target(self, model: Model, endpoint: Endpoint) -> Target:
        own, recorded = self._traits(model.id), self._traits(self.tally.model)
        ratios = {self.tally.model: self.tokenizers.ratio(recorded.family, own.family, USUAL)}
        return Target(model.id, endpoint, own, endpoint.context or model.context, ratios)

    def _traits(self, name: str | None) -> Traits:
        return traits(name, self.catalog, self.tokenizers)


def _is_paid(price: Price) -> bool:
    return bool(price.input.base or price.output.base or price.per_request)


def bases_of(those: Iterable[Elsewhere]) -> list[Bases]:
    """On what a comparison rests, each once."""
    return list(dict.fromkeys(each.bases for each in those))
