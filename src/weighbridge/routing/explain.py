"""A plan in words and figures: what it was made from, who is asked and what that will cost, who is not and why.

Whoever has an explanation, the catalogue it names and the policy can make the same plan again: `replayed`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Literal

import msgspec

from weighbridge.catalog.model import Catalog, Model
from weighbridge.errors import WeighbridgeError
from weighbridge.routing.arrange import Group
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.health import Percentiles, Snapshot, State
from weighbridge.routing.planner import Plan, Planner, rounded
from weighbridge.routing.policy.law import Law
from weighbridge.routing.quality.rule import Why
from weighbridge.routing.shortlist import excluded, usage_expected
from weighbridge.wire.preferences import Preferences, Sorted

SeedFrom = Literal["session", "opening", "chance"]
"""What decides where chance may: the session, how the conversation begins, or nothing, so that each request draws."""


class Trace:
    """What a plan is made from, noted while it is made."""

    __slots__ = ("asking", "error", "plan", "seed", "seed_from", "snapshot", "switched")

    def __init__(self) -> None:
        self.asking: Asking | None = None
        """None: nothing was planned, since the names mean nothing or the key may not ask for them."""
        self.snapshot: Snapshot | None = None
        self.seed = 0
        self.seed_from: SeedFrom = "chance"
        self.plan: Plan | None = None
        self.error: WeighbridgeError | None = None
        """Why there is no plan."""
        self.switched: Switched | None = None


class Expected(msgspec.Struct, frozen=True):
    """Tokens that the request will likely take at an endpoint; the cached are among the prompt's."""

    prompt: int
    cached: int
    completion: int


class PriceRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row in force: US dollars for a million tokens, at this length of prompt, and for one request."""

    id: str
    source: str
    input: Decimal
    cache_read: Decimal
    output: Decimal
    per_request: Decimal


class Seen(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What this worker knows of an endpoint's health. What is absent is not known."""

    closed_seconds: float | None = None
    """Time in which it is not to be asked unless nobody else is there; 0 or less: it is on trial."""
    why: str | None = None
    latency: Percentiles | None = None
    """Seconds to the first byte."""
    throughput: Percentiles | None = None
    """Tokens a second."""
    cached_share: float | None = None
    bytes_per_token: float | None = None
    completion: float | None = None
    """Mean tokens of an answer."""
    requests: int = 0
    failures: int = 0


class Step(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An endpoint that is asked, if all before it give no answer."""

    endpoint: str
    """Its id: `provider/name`."""
    model: str
    expected: Expected
    cost: Decimal | None = None
    """US dollars that this request is expected to come to there: what it is weighed by. Absent: not known."""
    price: PriceRow | None = None
    quantisation: str | None = None
    group: int
    """Its place among groups that follow each other, from 1."""
    weight: float | None = None
    """What it is drawn by within its group; absent: the group has an order."""
    share: float | None = None
    """Percent of requests for which the draw takes it first, of those in its group that are well."""
    health: Seen | None = None


class Out(msgspec.Struct, frozen=True, omit_defaults=True):
    """An endpoint that is not asked."""

    endpoint: str
    model: str
    rule: str
    why: str
    health: Seen | None = None
    """Where it could have been asked, and only those before it keep it out."""


class Fault(msgspec.Struct, frozen=True):
    """Why there is nobody to ask."""

    code: str
    message: str
    param: str | None


class Switched(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Whether a cheaper model answers, where that could be: see docs/switch.md."""

    route: str
    """What the request is alike to."""
    why: Why
    certificate: str | None = None
    """What it goes by; absent: nothing is proven."""
    arm: str | None = None
    """Who is asked first; absent: the reference, or whoever the request names."""
    reference: str | None = None
    tau: float | Literal["always"] | None = None
    """The loss that is put up with for saving everything; `always`: any; absent: none is."""
    loss: float | None = None
    """As predicted for the arm."""
    novelty: float | None = None
    """How unlike it is to what was replayed."""
    most_novel: float | None = None
    """What is stranger goes to the reference."""


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """See the module. Sizes are rounded up by a quarter at most, the time is cut to its minute: what plans go by."""

    models: list[str]
    endpoints: list[list[str]] = []
    """Of each model the ids of the endpoints that its name means: `provider/name` and `:free` do not mean all."""
    at: datetime
    """When prices are to be in force."""
    seed: str
    seed_from: SeedFrom
    sort: Sorted | Literal["spread"]
    """How endpoints are ordered where the request does not say."""
    preferences: Preferences | None = None
    prompt_bytes: int = 0
    most_tokens: int | None = None
    parameters: list[str] = []
    policy: str | None = None
    """Which policies, and which of their rules, say something to whoever asks."""
    catalog: str
    """Stands for all that the catalogue says of these models and who serves them."""
    order: list[Step] = []
    excluded: list[Out] = []
    error: Fault | None = None
    switch: Switched | None = None
    """Absent where nothing is proven, and nothing is to be guessed, of such requests."""


def explain(trace: Trace, planner: Planner) -> Explanation | None:
    """Why a plan is as it is, or why there is none; None where nothing was planned at all."""
    if trace.asking is None or trace.snapshot is None:
        return None
    asking, snapshot, plan = rounded(trace.asking), trace.snapshot, trace.plan
    order = [] if plan is None else list(_steps(plan, asking, planner))
    out = excluded(asking, snapshot, planner.cost) if plan is None else plan.excluded
    outs = [Out(each.endpoint.id, each.model.id, each.rule, each.why) for each in out]
    return Explanation(
        models=[model.id for model in asking.models],
        endpoints=[[endpoint.id for endpoint in model.endpoints] for model in asking.models],
        at=asking.when,
        seed=str(trace.seed),
        seed_from=trace.seed_from,
        sort=planner.sort or "spread",
        preferences=asking.preferences,
        prompt_bytes=asking.prompt_bytes,
        most_tokens=asking.most_tokens,
        parameters=sorted(asking.parameters),
        policy=None if asking.law is None else asking.law.identity,
        catalog=version_of(asking),
        order=order,
        excluded=outs + ([] if plan is None else list(_unasked(plan, order))),
        error=None if trace.error is None else Fault(trace.error.code, trace.error.message, trace.error.param),
        switch=trace.switched,
    )


def replayed(said: Explanation, catalog: Catalog, planner: Planner, law: Law | None = None) -> Plan:
    """The plan that was explained, made again; the planner sorts as that one's did.

    Raises what that one did, and KeyError for a model that the catalogue has no more.
    """
    asking = Asking(
        tuple(_at(catalog.models[id_], ids) for id_, ids in zip(said.models, said.endpoints, strict=True)),
        said.at,
        said.preferences,
        said.prompt_bytes,
        said.most_tokens,
        frozenset(said.parameters),
        law,
        catalog.hosts,
    )
    seen = [(step.endpoint, step.health) for step in said.order] + [(out.endpoint, out.health) for out in said.excluded]
    states = {id_: _state(health) for id_, health in seen if health is not None}
    return planner.plan(asking, Snapshot(states, 0.0, 0), int(said.seed))


def _at(model: Model, ids: list[str]) -> Model:
    """The model at these of its endpoints."""
    endpoints = tuple(each for each in model.endpoints if each.id in ids)
    return model if len(endpoints) == len(model.endpoints) else replace(model, endpoints=endpoints)


def version_of(asking: Asking) -> str:
    """A hash of what the catalogue says of the models asked for, their prices and those who serve them."""
    hosts = sorted({each.provider for model in asking.models for each in model.endpoints})
    said = [asking.models, [asking.host(provider) for provider in hosts]]
    text = msgspec.json.encode(said, order="deterministic", enc_hook=repr)
    return blake2b(text, digest_size=16).hexdigest()


def _steps(plan: Plan, asking: Asking, planner: Planner) -> Iterator[Step]:
    places = _places(plan)
    for one in plan:
        usage = usage_expected(asking, one.state)
        cost = one.cost if one.price is None or one.cost is not None else planner.cost(usage, one.price)
        group, weight, share = places[id(one)]
        yield Step(
            endpoint=one.endpoint.id,
            model=one.model.id,
            expected=Expected(usage.prompt, usage.cached or 0, usage.completion),
            cost=cost,
            price=_price_row(one, usage.prompt),
            quantisation=one.endpoint.quantisation,
            group=group,
            weight=weight,
            share=share,
            health=_seen(one, plan.snapshot),
        )


_Place = tuple[int, float | None, float | None]


def _places(plan: Plan) -> Mapping[int, _Place]:
    """Of each candidate its group, its weight and its share of the draw."""
    found: dict[int, _Place] = {}
    for number, group in enumerate(plan.shortlist.groups, 1):
        weights = _weights(group)
        if weights is None:
            found |= {id(one): (number, None, None) for one in group.candidates}
            continue
        well = [not _is_closed(one, plan.snapshot) for one in group.candidates]
        total = sum(weight for weight, counts in zip(weights, well, strict=True) if counts)
        for one, weight, counts in zip(group.candidates, weights, well, strict=True):
            found[id(one)] = number, weight, round(100 * weight / total, 3) if counts else 0.0
    return found


def _weights(group: Group) -> list[float] | None:
    if group.reaches is None:
        return None
    return [end - start for start, end in zip([0.0, *group.reaches], group.reaches, strict=False)]


def _is_closed(one: Candidate, snapshot: Snapshot) -> bool:
    state = snapshot.states.get(one.endpoint.id)
    return state is not None and state.closed_until is not None and state.closed_until > snapshot.at


def _price_row(one: Candidate, prompt: int) -> PriceRow | None:
    price = one.price
    if price is None:
        return None
    return PriceRow(
        id=price.id,
        source=price.source,
        input=price.input.at(prompt),
        cache_read=(price.cache_read or price.input).at(prompt),
        output=price.output.at(prompt),
        per_request=price.per_request,
    )


def _seen(one: Candidate, snapshot: Snapshot) -> Seen | None:
    """Figures as the shortlist was made from them, and whether it is closed as it stood when the plan was."""
    figures, now = one.state, snapshot.states.get(one.endpoint.id)
    if figures is None and now is None:
        return None
    known = figures or State()
    until = None if now is None else now.closed_until
    return Seen(
        closed_seconds=None if until is None else until - snapshot.at,
        why=None if now is None else now.why,
        latency=known.latency,
        throughput=known.throughput,
        cached_share=known.cached_share,
        bytes_per_token=known.bytes_per_token,
        completion=known.completion,
        requests=known.requests if now is None else now.requests,
        failures=known.failures if now is None else now.failures,
    )


def _state(seen: Seen) -> State:
    return State(
        closed_until=seen.closed_seconds,
        latency=seen.latency,
        throughput=seen.throughput,
        cached_share=seen.cached_share,
        bytes_per_token=seen.bytes_per_token,
        completion=seen.completion,
    )


def _unasked(plan: Plan, order: list[Step]) -> Iterator[Out]:
    """Those that may answer and are not asked, since no fallback is allowed."""
    if plan.shortlist.most is None:
        return
    asked = {(step.model, step.endpoint) for step in order}
    for group in plan.shortlist.groups:
        for one in group.candidates:
            if (one.model.id, one.endpoint.id) not in asked:
                why = f"another endpoint of {one.model.id} comes first, and allow_fallbacks is false"
                yield Out(one.endpoint.id, one.model.id, "provider.allow_fallbacks", why, _seen(one, plan.snapshot))
