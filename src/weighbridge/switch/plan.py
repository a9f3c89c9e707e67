"""A plan: what is replayed of each route on which candidates, what that will cost, and what it could prove. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.catalog.tokenizers import USUAL, Ratio, Tokenizers
from weighbridge.ledger.bill.modelled import Seen, Target
from weighbridge.ledger.bill.recount import Recount
from weighbridge.ledger.bill.tally import Tally
from weighbridge.ledger.bill.targets import traits
from weighbridge.ledger.cost import SMALLEST, cost
from weighbridge.switch.anchors import Anchors
from weighbridge.switch.candidates import Candidate, Forbids, Wanted, candidates, typical
from weighbridge.switch.planned import NOTHING, FromFile, FromTexts, Plan, PlannedArm, PlannedRoute, Range, Refused
from weighbridge.switch.routes import Route, Sampled
from weighbridge.wire.usage import Usage

JUDGE_PROMPT: Final = 700
"""Tokens of the judge's own instructions."""
JUDGE_ANSWER: Final = (40, 120, 1500)
"""Tokens that a judge writes: at the least, as expected, and where it reasons."""
DIFFER: Final = (0.05, 0.2)
"""Shares of cases on which two models are graded otherwise, between which most are."""
_ORDERS: Final = 2


@dataclass(frozen=True, slots=True)
class Market:
    """What there is, and at what price, while a plan is made."""

    catalog: Catalog
    """With the endpoints that can be asked here."""
    tokenizers: Tokenizers
    seen: Callable[[str], Seen]
    """What the ledger has seen of a model."""
    forbids: Callable[[str, Sequence[str]], Forbids]
    """What the policy says to requests of a key, by its id, that are marked with these tags."""
    now: datetime
    anchors: Anchors | None = None
    """Where a new model is tried on what was replayed before; None: requests are drawn anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is to be shown, and what it may cost."""

    epsilon: float
    delta: float
    budget: Decimal | None = None
    judge: Model | None = None


def planned(
    id_: str,
    routes: Sequence[Route],
    reference: Model,
    *,
    source: FromTexts | FromFile,
    wanted: Wanted,
    promise: Promise,
    market: Market,
    names: Mapping[str, str],
) -> Plan:
    """The plan for these routes. `names` are those of keys."""
    made = tuple(_route(each, reference, wanted, market, names, promise.judge) for each in routes)
    return Plan(
        id=id_,
        at=market.now,
        reference=reference.id,
        source=source,
        epsilon=promise.epsilon,
        delta=promise.delta,
        budget=promise.budget,
        judge=None if promise.judge is None else promise.judge.id,
        judge_each=NOTHING if promise.judge is None else _judgement(promise.judge, routes, market.now),
        routes=made,
    )


def needed(epsilon: float, delta: float, differ: float) -> int:
    """About how many replays show that a candidate loses at most `epsilon`, if in truth it loses nothing.

    `differ` is the share of cases on which the two are graded otherwise. Raises ImportError without numpy.
    """
    # Imported here: it takes numpy, an extra.
    from weighbridge.switch.evidence.planning import fewest, replays  # noqa: PLC0415

    return max(fewest(epsilon, delta), replays(differ, epsilon, delta))


def allowed(model: Model, forbids: Forbids, now: datetime) -> tuple[str, ...]:
    """The providers of a model that may be asked now."""
    return tuple(
        dict.fromkeys(
            each.provider for each in model.endpoints if each.served_on(now.date()) and forbids(model, each) is None
        )
    )


def _route(  # noqa: PLR0917 - all that a route is planned by
    route: Route,
    reference: Model,
    wanted: Wanted,
    market: Market,
    names: Mapping[str, str],
    judge: Model | None,
) -> PlannedRoute:
    forbids, anchors = market.forbids(route.key, sorted(route.tags)), market.anchors
    pool = () if anchors is None else anchors.pool(route.id)
    found, refused = candidates(route, reference, market.catalog, wanted, pool=pool, forbids=forbids, now=market.now)
    if judge is not None and not allowed(judge, forbids, market.now):
        refused.append(Refused(judge.id, "policy: it may not judge on this route: nobody who serves it may be asked"))
        found = []
    sample = route.sample
    each, recorded = _reference_each(route, reference, market.now)
    return PlannedRoute(
        route=route.id,
        about=route.about(names),
        key=route.key,
        requests=route.requests,
        since=route.since,
        until=route.until,
        a_day=route.a_day,
        reference_each=each,
        recorded=recorded,
        cases=tuple(one.ref for one in sample),
        answered=sum(one.answered for one in sample),
        judged=sum(one.judged for one in sample),
        arms=tuple(_arm(one, sample, reference, market) for one in found),
        tags=tuple(sorted(route.tags)),
        refused=tuple(refused),
        issued=0 if anchors is None else anchors.issued(route.id, (one.ref.case for one in sample)),
    )


def _arm(candidate: Candidate, sample: Sequence[Sampled], reference: Model, market: Market) -> PlannedArm:
    endpoint, anchors = candidate.endpoints[0][0], market.anchors
    return PlannedArm(
        arm=candidate.arm,
        licence=None if candidate.model.licence is None else candidate.model.licence.id,
        endpoint=endpoint.id,
        each=_each(candidate, endpoint, sample, reference, market),
        known=0 if anchors is None else anchors.graded(candidate.arm.id, (one.ref.case for one in sample)),
    )


def _each(
    candidate: Candidate, endpoint: Endpoint, sample: Sequence[Sampled], reference: Model, market: Market
) -> Range:
    """What one request costs there, in the mean: its tokens by the other tokenizer, at today's price."""
    own = traits(candidate.model.id, market.catalog, market.tokenizers)
    theirs = traits(reference.id, market.catalog, market.tokenizers)
    ratios: dict[str | None, Ratio] = {reference.id: market.tokenizers.ratio(theirs.family, own.family, USUAL)}
    target = Target(candidate.model.id, endpoint, own, None, ratios, market.seen(candidate.model.id))
    recount = Recount(target, ("model",), {reference.id: theirs})
    for one in sample:
        recount.add(_now(one.tally, candidate, reference, market.now))
    count = max(1, len(sample))
    low, middle, high = (_rounded(each / count) for each in recount.total.there)
    return Range(low, middle, high)


def _now(tally: Tally, candidate: Candidate, reference: Model, now: datetime) -> Tally:
    """As if it were asked now, with what the arm may answer at the most."""
    most = candidate.arm.most_tokens
    completion = tally.completion if most is None else min(tally.completion, most)
    return replace(
        tally,
        at=now,
        model=reference.id,
        counted_by="provider",
        priced=True,
        completion=completion,
        reasoning=min(tally.reasoning, completion),
        untold=min(tally.untold, completion),
    )


def _reference_each(route: Route, reference: Model, now: datetime) -> tuple[Decimal | None, bool]:
    """What a request costs on the reference, and whether that is recorded."""
    if route.recorded:
        return _rounded(route.cost / route.recorded), True
    prices = [price for each in reference.endpoints if (price := each.price_at(now)) is not None]
    usage = typical(route)
    return min((cost(usage, price) for price in prices), default=None), False


def _judgement(judge: Model, routes: Sequence[Route], now: datetime) -> Range:
    """What it costs to have two answers compared in both orders, where requests are as those of the routes are."""
    prices = [price for each in judge.endpoints if (price := each.price_at(now)) is not None]
    usages = [typical(route) for route in routes]
    if not prices or not usages:
        return NOTHING
    longest = max(JUDGE_PROMPT + usage.prompt + 2 * usage.completion for usage in usages)
    low, middle, high = (
        _ORDERS * min(cost(Usage(longest, answer), price) for price in prices) for answer in JUDGE_ANSWER
    )
    return Range(low, middle, high)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST)
