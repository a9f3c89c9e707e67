"""Why nobody may answer a request, and the least that would have to be loosened so that somebody may."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Price
from weighbridge.errors import NoEndpoint, WeighbridgeError
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.conditions import CONDITIONS, Test

_POLICY: Final = "policy"
_PRICE: Final = "provider.max_price"
_SHOWN: Final = 5
"""Reasons, and endpoints, that an error names."""
_RANKS: Final = {rule: rank for rank, (rule, _) in enumerate(CONDITIONS)}


def nobody(asking: Asking, listed: Sequence[Candidate], tests: Sequence[tuple[str, Test]]) -> WeighbridgeError:
    """The error of a request that none of the endpoints listed may answer, all models together."""
    ids = ", ".join(model.id for model in asking.models)
    if not listed:
        return NoEndpoint(f"{ids} has no endpoint here")
    failed = [(one, {rule: why for rule, test in tests if (why := test(one)) is not None}) for one in listed]
    if asking.law is not None and all(_POLICY in rules for _, rules in failed):
        return asking.law.refusal(asking.models[0])
    lawful = [(one, rules) for one, rules in failed if _POLICY not in rules]
    fewest = min(len(rules) for _, rules in lawful)
    nearest = [(one, rules) for one, rules in lawful if len(rules) == fewest]
    rule = max((_last(rules) for _, rules in nearest), key=_RANKS.__getitem__)
    whys = list(dict.fromkeys(rules[rule] for _, rules in lawful if rule in rules))
    why = "; ".join(whys[:_SHOWN]) + (f"; and {len(whys) - _SHOWN} more" if len(whys) > _SHOWN else "")
    said = f"{rule}: no endpoint of {ids} is known to meet it: {why}."
    if rule == _PRICE:
        said += _cheapest([one for one, rules in nearest if rule in rules])
    return NoEndpoint(f"{said} {_loosened(nearest)}", param=rule)


def _last(rules: dict[str, str]) -> str:
    return max(rules, key=_RANKS.__getitem__)


def _loosened(nearest: Sequence[tuple[Candidate, dict[str, str]]]) -> str:
    """Which fields to loosen, and who would answer then."""
    by_fields: dict[tuple[str, ...], list[str]] = {}
    for one, rules in nearest:
        by_fields.setdefault(tuple(rules), []).append(one.endpoint.id)
    ways = []
    for fields, ids in by_fields.items():
        named = ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
        ways.append(f"without {' and '.join(fields)}: {named}")
    return f"What would answer {'; '.join(ways)}."


def _cheapest(those: Sequence[Candidate]) -> str:
    priced = [(one.endpoint.id, one.price) for one in those if one.price is not None]
    if not priced:
        return ""
    id_, price = min(priced, key=_listed)
    amounts = f"${_digits(price.input.base)} for a million prompt tokens, ${_digits(price.output.base)} for answers"
    a_request = f", ${_digits(price.per_request)} for each request" if price.per_request else ""
    return f" The cheapest there is: {id_} at {amounts}{a_request}."


def _listed(priced: tuple[str, Price]) -> tuple[Decimal, str]:
    id_, price = priced
    return 3 * price.input.base + price.output.base, id_  # chat reads about three tokens for each that it writes


def _digits(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
