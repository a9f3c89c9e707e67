"""Entries that put others right by what the provider says of the same request: signed deltas, written once.

Only what is certain: the provider's own id names the request, and its cost is in US dollars. What is known of a whole
day or model alone is told and not entered: no receipt can be said to be wrong by it, and an entry that corrects none
would be a request that nobody made.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Charge, Entry
from weighbridge.ledger.reconcile.line import Comparison, Ours, Settled
from weighbridge.ledger.reconcile.terms import Reprice
from weighbridge.wire.usage import Usage, together

_RECEIPT: Final = re.compile(r"wbr-[0-9a-f]{32}")
_OURS: Final = "f"
"""The first digit of the count in an adjustment's id: no worker counts so far, so that it is no request's."""


def adjustments(comparison: Comparison, receipts: Mapping[str, Entry], reprice: Reprice) -> Iterator[Entry]:
    """The entries that make ours what the provider says, for each request whose figures are certain.

    `receipts` has the entries to be put right. An adjustment is dated as its request, so that its month is right, and
    has what its key, model and labels are. Its id goes by what it changes, so that the same one is never two.
    """
    for settled in comparison.settled:
        entry = receipts.get(settled.ours.receipt)
        if entry is None or settled.theirs.currency != "USD" or not _RECEIPT.fullmatch(entry.id):
            continue
        charge = _charge(settled, reprice)
        if charge is not None:
            yield _adjusting(entry, charge, settled.ours)


def _charge(settled: Settled, reprice: Reprice) -> Charge | None:
    """The deltas; None where they are nothing."""
    ours, line = settled.ours, settled.theirs
    had = ours.usage or Usage(0, 0)
    usage = Usage(
        prompt=_more(line.prompt, had.prompt) or 0,
        completion=_more(line.completion, had.completion) or 0,
        cached=_more(line.cached, had.cached),
        written=_more(line.written, had.written),
        reasoning=_more(line.reasoning, had.reasoning),
    )
    cost = line.cost
    if cost is None and ours.cost is not None:
        cost = reprice(ours, together([had, usage]))
    delta = None if cost is None else (cost - (ours.cost or Decimal(0))).quantize(SMALLEST, ROUND_HALF_UP)
    nothing = not any((usage.prompt, usage.completion, usage.cached, usage.written, usage.reasoning))
    return None if nothing and not delta else Charge(usage, "provider", delta, ours.price_id, None, None)


def _adjusting(entry: Entry, charge: Charge, ours: Ours) -> Entry:
    row = entry.charge
    priced = msgspec.structs.replace(
        charge,
        price_source=None if row is None else row.price_source,
        price_since=None if row is None else row.price_since,
    )
    mark = msgspec.json.encode([entry.id, ours.adjusted, charge.usage, charge.cost])
    digest = hashlib.sha256(mark).hexdigest()
    return msgspec.structs.replace(
        entry,
        id=f"{entry.id[:26]}{_OURS}{digest[:9]}",
        charge=priced,
        first_byte=None,
        duration=0.0,
        attempts=(),
        corrects=entry.id,
    )


def _more(theirs: int | None, ours: int | None) -> int | None:
    return None if theirs is None or (ours is None and theirs == 0) else theirs - (ours or 0)
