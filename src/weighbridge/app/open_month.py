"""A month on open models that might take its place: the newest of each price class, cheaper than what was paid.

Out of the roll-ups (`ledger.bill.rolled`), so that it takes a second or two of a ledger of any size; `weighbridge bill
--on` reads each entry. How good their answers would be is not asked here: a switch proves it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.app.recounting import Recounting
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price
from weighbridge.catalog.tokenizers import USUAL, Tokenizers
from weighbridge.config import Settings
from weighbridge.db import Connection
from weighbridge.ledger.bill.elsewhere import LARGE
from weighbridge.ledger.bill.modelled import Bases, as_recorded
from weighbridge.ledger.bill.recount import Multiple, Recount, best, cost_there, multiple
from weighbridge.ledger.bill.rolled import InRollUps
from weighbridge.ledger.bill.tally import Cuts, Tally, Triple
from weighbridge.ledger.bill.targets import cuts
from weighbridge.ledger.within import ALL, Within
from weighbridge.switch.candidates import MOST, newest_of_each_class

_WORTH: Final = Decimal("0.9")
"""Of what was paid, above which a model by its list prices alone saves too little to be shown."""
_MUCH: Final = Decimal("0.05")
"""Of what was paid, below which it does not matter how large the model is that would be replaced."""
_ENDPOINTS: Final = 2
"""Of a model the cheapest so many are compared."""
_AT_ONCE: Final = Cuts(days=())


@dataclass(frozen=True, slots=True)
class Stand:
    """What an open model would have cost. US dollars."""

    model: Model
    endpoint: Endpoint
    here: Decimal
    """What the requests cost that could be compared."""
    there: Triple
    """What they would have cost there: with every assumption at its cheapest, as expected, at its dearest."""
    times: Multiple | None
    compared: int
    """Requests."""


@dataclass(frozen=True, slots=True)
class OpenMonth:
    """The comparison, as it stood `at` that time."""

    at: datetime
    paid: Decimal
    requests: int
    """That were answered with text; those of which the price is not known are not in what was paid."""
    stands: tuple[Stand, ...]
    """The cheapest first."""
    least: int
    """Parameters that they have at least."""
    bases: frozenset[Bases]
    """On what it rests."""


def open_month(
    connection: Connection,
    settings: Settings,
    catalog: Catalog,
    tokenizers: Tokenizers,
    *,
    since: datetime,
    now: datetime,
    within: Within = ALL,
    most: int = MOST,
) -> OpenMonth:
    """From the hour of `since` until now. `catalog` has every endpoint that there is. Raises db.Error, PolicyError."""
    book = InRollUps(connection, since, now, within)
    recounting = Recounting(settings, catalog, book, tokenizers, USUAL, names={})
    written = [each for each in book.tallies(_AT_ONCE, recounting.apart, _silent) if _is_text(each, catalog)]
    recorded = [each for each in written if each.priced and not each.given_again]
    paid = sum((each.cost for each in recorded), Decimal(0))
    least = _least(recorded, paid, catalog)
    offers = _Offers(recorded, paid, least, recounting, now).of(catalog.models.values(), most)
    recounts = recounting.at(offers, ("model",))
    every = [recount for each in recounts for recount in each]
    for tally in book.tallies(cuts(recount.target for recount in every), recounting.apart, _silent) if every else ():
        for recount in every:
            recount.add(tally)
    found = [best(each) for each in recounts]
    stands = [_stand(recount, catalog) for recount in found if recount.total.requests]
    return OpenMonth(
        at=now,
        paid=paid,
        requests=sum(each.requests for each in written),
        stands=tuple(sorted(stands, key=lambda each: each.there[1])),
        least=least,
        bases=frozenset(bases for recount in found for _, bases in recount.rests),
    )


def _silent(done: int, total: int) -> None:
    return None


def _is_text(tally: Tally, catalog: Catalog) -> bool:
    """Whether somebody wrote it, now or before."""
    model = None if tally.model is None else catalog.find(tally.model)
    embeds = model is not None and "embedding" in (model.output_modalities or ())
    return tally.counted_by is not None and not embeds


def _least(recorded: Sequence[Tally], paid: Decimal, catalog: Catalog) -> int:
    """As many parameters as the largest model has that much was paid for, and no more than LARGE."""
    sizes = [0]
    for tally in recorded:
        if tally.cost > paid * _MUCH:
            model = None if tally.model is None else catalog.find(tally.model)
            sizes.append(LARGE if model is None or model.total_params is None else model.total_params)
    return min(LARGE, max(sizes))


@dataclass(frozen=True, slots=True)
class _Offers:
    """Whom the month is held against."""

    recorded: Sequence[Tally]
    paid: Decimal
    least: int
    recounting: Recounting
    now: datetime

    def of(self, models: Iterable[Model], most: int) -> list[tuple[Model, list[Endpoint]]]:
        """Models, and the endpoints where the month's tokens cost least by the list prices of now."""
        if not self.paid:
            return []
        reasons = any(each.reasoning for each in self.recorded)
        usual = {each.model for each in self.recorded if each.cost * 2 > self.paid}
        whole, dearest = _together(self.recorded), max(self.recorded, key=lambda each: each.cost)
        found: list[tuple[Decimal, Model, list[Endpoint]]] = []
        for model in models:
            if model.id in usual or not _is_able(model, self.least, self.now, reasons=reasons):
                continue
            priced = [
                (cost_there(price, whole, as_recorded(whole)), endpoint.id, endpoint)
                for endpoint, price in _paid_endpoints(model, self.now)
                if self.recounting.allowed(model, endpoint)(dearest)
            ]
            priced.sort(key=lambda each: each[:2])
            if priced and priced[0][0] <= self.paid * _WORTH:
                found.append((priced[0][0], model, [endpoint for _, _, endpoint in priced[:_ENDPOINTS]]))
        found.sort(key=lambda each: (-each[0], each[1].id))
        return [(model, endpoints) for _, model, endpoints in newest_of_each_class(found, most, lambda each: each[1])]


def _together(recorded: Sequence[Tally]) -> Tally:
    """All of them as one, whose requests are as in the mean."""

    def whole(of: Callable[[Tally], int]) -> int:
        return sum(map(of, recorded))

    requests, prompt = whole(lambda each: each.entries), whole(lambda each: each.prompt)
    return Tally(
        at=recorded[0].at,
        model=None,
        entries=requests,
        prompt=prompt,
        completion=whole(lambda each: each.completion),
        fresh=whole(lambda each: each.fresh),
        cached=whole(lambda each: each.cached),
        written=whole(lambda each: each.written),
        longest=prompt // max(1, requests),
    )


def _is_able(model: Model, least: int, now: datetime, *, reasons: bool) -> bool:
    """Whether it is known to be open and to do what is usual: tools, and reasoning where the month had any."""
    writes = model.output_modalities is None or "text" in model.output_modalities
    is_out = model.released is None or model.released <= now.date()
    able = bool(model.open_weights and model.tools and (model.reasoning or not reasons))
    return able and writes and is_out and model.total_params is not None and model.total_params >= least


def _paid_endpoints(model: Model, now: datetime) -> Iterator[tuple[Endpoint, Price]]:
    for endpoint in model.endpoints:
        price = endpoint.price_at(now)
        if price is not None and endpoint.served_on(now.date()) and (price.input.base or price.output.base):
            yield endpoint, price


def _stand(recount: Recount, catalog: Catalog) -> Stand:
    total, model = recount.total, catalog.models[recount.target.model]
    return Stand(model, recount.target.endpoint, total.recorded, total.there, multiple(total), total.requests)
