"""Which endpoints may answer a request, which not and why, and what it will cost at each: values in, values out."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.catalog.model import Model, Price
from weighbridge.routing.arrange import Group, arranged
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate, Excluded
from weighbridge.routing.conditions import Test, tests_of
from weighbridge.routing.contradictions import check
from weighbridge.routing.health import Snapshot, State
from weighbridge.routing.refusal import nobody
from weighbridge.wire.preferences import Preferences, Sorted, Sorting
from weighbridge.wire.usage import Usage

Cost = Callable[[Usage, Price], Decimal]
"""What a usage comes to by a price row, in US dollars: `ledger/cost.py: cost`."""

_BYTES_A_TOKEN: Final = 4.0
"""Where no provider has counted yet."""
_PROMPT_TO_ANSWER: Final = 3
"""Chat traffic reads about three tokens for each that it writes."""


class Shortlist(msgspec.Struct, frozen=True):
    """What holds for all requests that ask alike; the seed of each, and who is well just then, decide the rest."""

    asking: Asking
    groups: tuple[Group, ...]
    excluded: tuple[Excluded, ...]
    most: int | None = None
    """How many endpoints of each model may be asked; None: all."""
    alone: tuple[Candidate, ...] | None = None
    """The only one there is, where nothing was asked of it."""


def shortlist(asking: Asking, snapshot: Snapshot, cost: Cost, sort: Sorted | None = None) -> Shortlist:
    """Apply the conditions, work out the effective prices, put in order; `sort` where the request does not say.

    Raises BadRequest where the preferences make no sense, NoEndpoint or PolicyRefused where they leave no model an
    endpoint: naming the field, and the nearest that would work.
    """
    check(asking)
    left: list[list[Candidate]] = []
    outs: list[Excluded] = []
    tests = tests_of(asking)
    for model in asking.models:
        passed, out = _tested(listed(model, asking, snapshot, cost), tests)
        outs += out
        if passed:
            left.append(passed)
    if not left:
        everyone = [one for model in asking.models for one in listed(model, asking, snapshot, cost)]
        raise nobody(asking, everyone, tests)
    wanted = asking.preferences
    alone = wanted is not None and wanted.allow_fallbacks is False and not wanted.order
    return Shortlist(asking, arranged(_rivals(left, wanted), wanted, sort), tuple(outs), most=1 if alone else None)


def excluded(asking: Asking, snapshot: Snapshot, cost: Cost) -> tuple[Excluded, ...]:
    """Who may not answer, and why: what `shortlist` has of it, where somebody may."""
    tests = tests_of(asking)
    return tuple(out for model in asking.models for out in _tested(listed(model, asking, snapshot, cost), tests)[1])


def listed(model: Model, asking: Asking, snapshot: Snapshot, cost: Cost) -> list[Candidate]:
    """All endpoints of a model, with what the request will cost at each."""
    return [_candidate(model, each, asking, snapshot, cost) for each in range(len(model.endpoints))]


def _tested(those: Sequence[Candidate], tests: Sequence[tuple[str, Test]]) -> tuple[list[Candidate], list[Excluded]]:
    passed: list[Candidate] = []
    outs: list[Excluded] = []
    for one in those:
        for rule, test in tests:
            why = test(one)
            if why is not None:
                outs.append(Excluded(one.model, one.endpoint, rule, why))
                break
        else:
            passed.append(one)
    return passed, outs


def _rivals(left: list[list[Candidate]], wanted: Preferences | None) -> list[list[Candidate]]:
    """Who is held against whom: the endpoints of a model, or those of all where `sort.partition` says `none`."""
    if wanted is not None and isinstance(wanted.sort, Sorting) and wanted.sort.partition == "none":
        return [[one for each in left for one in each]]
    return left


def _candidate(model: Model, at: int, asking: Asking, snapshot: Snapshot, cost: Cost) -> Candidate:
    endpoint = model.endpoints[at]
    price = endpoint.price_at(asking.when)
    state = snapshot.states.get(endpoint.id)
    expected = None if price is None else cost(usage_expected(asking, state), price)
    return Candidate(model, endpoint, price, expected, state)


def usage_expected(asking: Asking, state: State | None) -> Usage:
    """The tokens that the request will likely take at an endpoint, by what was seen there."""
    by, answer, share = _BYTES_A_TOKEN, None, 0.0
    if state is not None:
        by, answer, share = state.bytes_per_token or by, state.completion, state.cached_share or share
    prompt = max(1, round(asking.prompt_bytes / by))
    completion = prompt / _PROMPT_TO_ANSWER if answer is None else answer
    most = asking.most_tokens
    completion = max(1, round(completion if most is None else min(most, completion)))
    return Usage(prompt=prompt, completion=completion, cached=round(prompt * share))
