"""Holds a provider's list against the ledger, and says by what they differ. Pure: values in, values out.

To the request where the list has the provider's ids; else by the list's own days or hours and models. Whatever the
causes, the sums close: ours and the differences make theirs, to the last digit.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext

from weighbridge.ledger.reconcile import by_request, by_sum
from weighbridge.ledger.reconcile.line import NOTHING, Comparison, Difference, Ours, Statement
from weighbridge.ledger.reconcile.terms import EXACT, Terms
from weighbridge.ledger.rows import Unreadable


def compare(statement: Statement, ours: Sequence[Ours], terms: Terms | None = None) -> Comparison:
    """Both lists, and what is between.

    `ours` reaches a day further than the list at both ends, for what the provider has in another day.
    Raises Unreadable where the list has both single requests and sums, or sums of times that overlap.
    """
    terms = terms or Terms()
    single = [line for line in statement.lines if line.request is not None]
    if single and len(single) < len(statement.lines):
        other = next(line for line in statement.lines if line.request is None)
        raise Unreadable(
            f"{single[0].place} is one request and {other.place} a sum: the same usage would count twice; give one kind"
        )
    with localcontext(EXACT):
        found = by_request.compared(statement, ours, terms) if single else by_sum.compared(statement, ours, terms)
        return _with_foreign(found, statement, terms)


def _with_foreign(found: Comparison, statement: Statement, terms: Terms) -> Comparison:
    """Say what is charged in currencies that no rate is known of."""
    foreign: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in statement.lines:
        if line.cost is not None and terms.rate(line) is None:
            foreign[line.currency] += line.cost
    told = [
        Difference(
            cause="currency",
            why=f"they charge {amount:f} {currency}, which is in no sum here for want of a rate to US dollars",
            amounts=NOTHING,
            since=min(line.since for line in statement.lines if line.currency == currency),
            until=max(line.until for line in statement.lines if line.currency == currency),
            model=None,
        )
        for currency, amount in sorted(foreign.items())
    ]
    return replace(found, differences=(*found.differences, *told), foreign=dict(foreign))
