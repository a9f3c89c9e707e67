"""What the ledger says that a provider was asked: its entries, put right by those that correct them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.ledger.reconcile.line import Ours
from weighbridge.wire.usage import together

_DID_NOTHING: Final = frozenset(
    ("upstream_busy", "upstream_unreachable", "upstream_key_refused", "model_not_found", "engine_unavailable")
)
"""Errors of an attempt after which nobody has worked, so that there is nothing to charge."""


def ours_of(entries: Iterable[Entry], provider: str) -> list[Ours]:
    """All that this provider of ours was asked, and what is entered for it.

    An entry on which it has worked more than once is as many. Usage that did not pass through us is none of it.
    """
    found: dict[str, list[Ours]] = {}
    corrections: defaultdict[str, list[Charge]] = defaultdict(list)
    for entry in entries:
        if entry.corrects is not None:
            if entry.charge is not None and entry.provider == provider:
                corrections[entry.corrects].append(entry.charge)
        elif entry.imported is None and (asked := list(_asked(entry, provider))):
            found[entry.id] = asked
    for receipt, charges in corrections.items():
        if receipt in found:
            place = _answering(found[receipt])
            found[receipt][place] = _corrected(found[receipt][place], charges)
    return [one for asked in found.values() for one in asked]


def _asked(entry: Entry, provider: str) -> Iterator[Ours]:
    apart = any(each.charge is not None for each in entry.attempts)
    answer = _answer(entry)
    for each in entry.attempts:
        if each.provider != provider:
            continue
        charge = each.charge if apart else entry.charge if each is answer else None
        if charge is not None or (each.error is not None and each.error not in _DID_NOTHING):
            request = entry.upstream_request if each is answer else None
            yield _one(entry, each.answered_as or each.upstream_model, charge, request)
    if answer is None and not apart and entry.provider == provider and entry.charge is not None:
        yield _one(entry, entry.upstream_model or entry.model or "", entry.charge, entry.upstream_request)


def _answer(entry: Entry) -> Attempt | None:
    """The attempt that the entry's own figures are of: the last that went well, or the last of all, at its endpoint."""
    there = [each for each in entry.attempts if (each.provider, each.upstream_model) == _endpoint(entry)]
    return next((each for each in reversed(there) if each.error is None), there[-1] if there else None)


def _endpoint(entry: Entry) -> tuple[str | None, str | None]:
    return entry.provider, entry.upstream_model


def _one(entry: Entry, model: str, charge: Charge | None, request: str | None) -> Ours:
    return Ours(
        receipt=entry.id,
        at=entry.at,
        until=entry.at + timedelta(seconds=entry.duration),
        model=model,
        request=request,
        usage=None if charge is None else charge.usage,
        cost=None if charge is None else charge.cost,
        counted_by="provider" if charge is None else charge.counted_by,
        left=entry.ending == "client_left",
        price_id=None if charge is None else charge.price_id,
    )


def _answering(asked: list[Ours]) -> int:
    """Which of them an adjustment of the receipt is of."""
    named = [place for place, one in enumerate(asked) if one.request is not None]
    return named[0] if named else len(asked) - 1


def _corrected(one: Ours, charges: Sequence[Charge]) -> Ours:
    """With the deltas of its adjustments, which are the provider's figures."""
    known = [charge.cost for charge in charges if charge.cost is not None]
    usage = together([*([] if one.usage is None else [one.usage]), *(charge.usage for charge in charges)])
    cost = sum(known, one.cost or Decimal(0)) if known else one.cost
    return replace(one, usage=usage, cost=cost, counted_by="provider", adjusted=len(charges))
