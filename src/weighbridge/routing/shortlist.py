"""Which endpoints may answer a request, which not and why, and what it will cost at each: values in, values out."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.catalog.model import Model, Price
from weighbridge.errors import NoEndpoint, WeighbridgeError
from weighbridge.routing.arrange import Group, groups
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate, Excluded
from weighbridge.routing.conditions import CONDITIONS, Test
from weighbridge.routing.health import Snapshot, State
from weighbridge.routing.policy.law import Law
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
    """How many endpoints of a model may be asked; None: all."""


def shortlist(asking: Asking, snapshot: Snapshot, cost: Cost, sort: Sorted | None = None) -> Shortlist:
    """Apply the conditions, work out the effective prices, put in order; `sort` where the request does not say.

    Raises NoEndpoint, naming the field that left nobody, where no model has an endpoint left.
    """
    left: list[list[Candidate]] = []
    excluded: list[Excluded] = []
    told: WeighbridgeError | None = None
    tests = [(rule, test) for rule, condition in CONDITIONS if (test := condition(asking)) is not None]
    for model in asking.models:
        listed = [_candidate(model, each, asking, snapshot, cost) for each in range(len(model.endpoints))]
        passed, out = _tested(listed, tests)
        excluded += out
        if passed:
            left.append(passed)
        else:
            told = told or nobody(model, out, asking.law)
    wanted = asking.preferences
    arranged = tuple(group for each in _rivals(left, wanted) for group in groups(each, wanted, sort))
    if not arranged:
        raise told or NoEndpoint(
            f"provider.order: none of it serves {asking.models[0].id}, and allow_fallbacks is false",
            param="provider.order",
        )
    alone = wanted is not None and wanted.allow_fallbacks is False and wanted.order is None
    return Shortlist(asking, arranged, tuple(excluded), most=1 if alone else None)


def _tested(listed: Sequence[Candidate], tests: Sequence[tuple[str, Test]]) -> tuple[list[Candidate], list[Excluded]]:
    passed: list[Candidate] = []
    excluded: list[Excluded] = []
    for one in listed:
        for rule, test in tests:
            why = test(one)
            if why is not None:
                excluded.append(Excluded(one.model, one.endpoint, rule, why))
                break
        else:
            passed.append(one)
    return passed, excluded


def _rivals(left: list[list[Candidate]], wanted: Preferences | None) -> list[list[Candidate]]:
    """Who is held against whom: the endpoints of a model, or those of all where `sort.partition` says `none`."""
    if wanted is not None and isinstance(wanted.sort, Sorting) and wanted.sort.partition == "none":
        return [[one for each in left for one in each]]
    return left


def nobody(model: Model, excluded: Sequence[Excluded], law: Law | None = None) -> WeighbridgeError:
    """Why no endpoint of the model may answer: by the condition that the last of them failed."""
    if law is not None and excluded and all(out.rule == "policy" for out in excluded):
        return law.refusal(model)
    rules = [rule for rule, _ in CONDITIONS]
    last = max((out.rule for out in excluded), key=rules.index, default=None)
    if last is None:
        return NoEndpoint(f"{model.id} has no endpoint here")
    those = [out for out in excluded if out.rule == last]
    why = "; ".join(out.why for out in those[:5])
    return NoEndpoint(f"{last}: no endpoint of {model.id} is known to meet it: {why}", param=last)


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
