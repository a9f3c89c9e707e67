"""Usage from outside as entries: marked, priced by the list of its day, and with the same ids each time it is read."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from weighbridge.catalog.dated import DatedPrices
from weighbridge.catalog.model import Price, Rate
from weighbridge.db import Connection, microseconds
from weighbridge.ledger import store
from weighbridge.ledger.cost import SMALLEST, cost
from weighbridge.ledger.entry import Charge, Entry
from weighbridge.ledger.imports.outside import Outside
from weighbridge.wire.usage import Usage

_AT_ONCE: Final = 500
"""Entries in one transaction."""
_FOR_AN_HOUR: Final = Decimal(2)
"""Of the price of input, what Anthropic takes for a token that is written to its cache for an hour.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching (pricing); its price list has that for minutes."""


@dataclass(frozen=True, slots=True)
class Owner:
    """For whom usage is entered: a key of ours, or a name in the place of one."""

    key: str
    organisation: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(slots=True)
class Taken:
    """What became of usage from outside."""

    new: int = 0
    there: int = 0
    """In the ledger since an earlier time."""
    changed: list[str] = field(default_factory=list)
    """Receipts of those that the source has other figures of now; they stay as they are."""
    unpriced: int = 0
    """Of the new ones: with no price, which is not zero."""
    tokens: int = 0
    """Of the new ones, in and out."""
    cost: Decimal = Decimal(0)
    """Of the new ones, in US dollars."""


def receipt(named: str, outside: Outside) -> str:
    """The id of its entry: by its time, and then by what its source calls it."""
    digest = hashlib.sha256(f"{named}\n{outside.id}".encode()).hexdigest()
    return f"wbr-{microseconds(outside.at) // 1000:012x}{digest[:20]}"


def entry_of(outside: Outside, *, named: str, owner: Owner, prices: DatedPrices) -> Entry:
    """It as an entry, of a request that went well. Raises CatalogError."""
    marks = {tag.lower() for tag in outside.tags}
    return Entry(
        id=receipt(named, outside),
        at=outside.at,
        key=owner.key,
        asked_model=outside.model,
        model=prices.model(outside.model, outside.provider),
        provider=outside.provider,
        upstream_model=outside.model,
        upstream_request=outside.request,
        ending="complete",
        status=200,
        error=None,
        streamed=False,
        charge=_charge(outside, named, prices),
        first_byte=None,
        duration=outside.seconds,
        attempts=(),
        organisation=owner.organisation,
        project=owner.project,
        tags=tuple(sorted({*owner.tags, *marks})),
        key_tags=owner.tags,
        user=outside.user,
        imported=named,
    )


def _charge(outside: Outside, named: str, prices: DatedPrices) -> Charge:
    usage = outside.usage
    if outside.paid is not None:
        paid = outside.paid.quantize(SMALLEST, ROUND_HALF_UP)
        return Charge(usage, "provider", paid, f"paid:{named}", f"as {named} says", None)
    price = None if outside.provider is None else prices.price(outside.provider, outside.model, outside.at)
    if price is None:
        return Charge(usage, "provider", None, None, None, None)
    since = None if price.since is None else price.since.isoformat()
    return Charge(usage, "provider", _cost(usage, outside.for_an_hour, price), price.id, price.source, since)


def _cost(usage: Usage, for_an_hour: int, price: Price) -> Decimal:
    if not for_an_hour:
        return cost(usage, price)
    rate = replace(price, input=Rate(price.input.at(usage.prompt) * (_FOR_AN_HOUR - 1)), per_request=Decimal(0))
    plain = _with_written(usage, (usage.written or 0) - for_an_hour)  # the rest pays as input, and once more
    return cost(plain, price) + cost(Usage(for_an_hour, 0), rate)


def _with_written(usage: Usage, written: int) -> Usage:
    """With so many tokens written to a cache."""
    return Usage(usage.prompt, usage.completion, usage.cached, written, usage.reasoning)


def take(connection: Connection, entries: Sequence[Entry], *, dry: bool = False) -> Taken:
    """Write those that are not in the ledger yet, and say what became of all. Raises db.Error.

    `dry` writes nothing.
    """
    taken = Taken()
    kinds = store.Kinds(connection)
    for group in _groups(entries):
        known = store.written(connection, [entry.id for entry in group])
        new = [entry for entry in group if entry.id not in known]
        if not dry:
            store.add_once(connection, new, kinds)
        _count(taken, new)
        for entry in group:
            if entry.id in known:
                taken.there += 1
                before = store.find(connection, entry.id)
                if before is not None and _figures(before) != _figures(entry):
                    taken.changed.append(entry.id)
    return taken


def _figures(entry: Entry) -> Usage | None:
    return None if entry.charge is None else entry.charge.usage


def _groups(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for at in range(0, len(entries), _AT_ONCE):
        yield entries[at : at + _AT_ONCE]


def _count(taken: Taken, new: Iterable[Entry]) -> None:
    for entry in new:
        charge = entry.charge
        taken.new += 1
        if charge is None:
            continue
        taken.tokens += charge.usage.prompt + charge.usage.completion
        taken.unpriced += charge.cost is None
        taken.cost += charge.cost or Decimal(0)
