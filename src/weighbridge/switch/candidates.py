"""Which models might take the reference's place on a route: named, or proposed out of the catalogue. Pure.

A model is refused with its reason where the policy in force lets none of its endpoints serve the route's requests,
where nobody serves it here, or where it cannot do what they ask. Of what is left that is cheaper, one is proposed of
each price class, the newest: which of them is good enough, the replay tells.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeVar

from weighbridge.catalog.model import Catalog, Endpoint, LicenceClass, Model, Price
from weighbridge.ledger.cost import cost
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch.planned import Refused
from weighbridge.switch.routes import Route
from weighbridge.wire.usage import Usage

T = TypeVar("T")
MOST: Final = 3
"""Models that are proposed where none is named."""
_WORTH: Final = Decimal("0.8")
"""Of the reference's cost, above which a proposal saves too little to be tried."""
_ARM: Final = re.compile(r"(?P<model>[^@#]+)(?:@(?P<effort>[a-z]+))?(?:#(?P<most>[1-9][0-9]{0,6}))?")
_SHOWN: Final = 200

Forbids = Callable[[Model, Endpoint], str | None]
"""Why the policy keeps an endpoint from serving the route's requests; None: it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which candidates are wished for."""

    to: tuple[Arm, ...] = ()
    """By name; then nothing else is proposed."""
    open_weights: bool = False
    licence: LicenceClass | None = None
    max_price: Decimal | None = None
    """US dollars for a million tokens of the answer, at the cheapest."""
    most: int = MOST


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be tried on a route, and where it would be asked."""

    arm: Arm
    model: Model
    endpoints: tuple[tuple[Endpoint, Price], ...]
    """That may be asked, the cheapest for the route first."""


def arm_of(told: str) -> Arm:
    """An arm as it is written: `model`, `model@low`, `model@low#512`. Raises ValueError."""
    found = _ARM.fullmatch(told)
    if found is None:
        raise ValueError(
            f"{told!r} is no candidate: write lab/model, lab/model@EFFORT or lab/model@EFFORT#TOKENS, such as "
            "qwen/qwen3-32b@low#2048"
        )
    return Arm(found["model"], found["effort"], None if found["most"] is None else int(found["most"]))


def candidates(
    route: Route,
    reference: Model,
    catalog: Catalog,
    wanted: Wanted,
    *,
    pool: Sequence[Arm] = (),
    forbids: Forbids,
    now: datetime,
) -> tuple[list[Candidate], list[Refused]]:
    """Who may be tried on a route, the dearest first, and who may not, with the reason; those of the pool in any case.

    Of what is proposed only those are told as refused that the policy has kept out.
    """
    usage = typical(route)
    trial = _Trial(route, catalog, forbids, usage, now)
    named, there = (_tried(trial, arms) for arms in (wanted.to, pool))
    good, kept_out = named if wanted.to else _proposed(trial, reference, wanted)
    own = {each.arm for each in good}
    return [*good, *(each for each in there[0] if each.arm not in own)], [*kept_out, *there[1]]


def _tried(trial: "_Trial", arms: Iterable[Arm]) -> tuple[list[Candidate], list[Refused]]:
    found = [trial.of(arm) for arm in arms]
    good = [each for each in found if isinstance(each, Candidate)]
    return good, [each for each in found if isinstance(each, Refused)]


def _proposed(trial: "_Trial", reference: Model, wanted: Wanted) -> tuple[list[Candidate], list[Refused]]:
    route, catalog, usage, now = trial.route, trial.catalog, trial.usage, trial.now
    most = _cheapest(reference.endpoints, usage, now)
    good: list[Candidate] = []
    kept_out: list[Refused] = []
    for model in catalog.models.values():
        if model.id == reference.id or not _is_wanted(model, wanted, now) or _unable(model, route) is not None:
            continue
        tried = trial.of(Arm(model.id))
        if isinstance(tried, Candidate):
            price = cost(usage, tried.endpoints[0][1])
            if _is_cheap(tried, wanted) and (most is None or price <= most * _WORTH):
                good.append(tried)
        elif tried.why.startswith("policy: "):
            kept_out.append(tried)
    return _one_of_each_class(good, usage, wanted.most), sorted(kept_out, key=lambda each: each.model)


def typical(route: Route) -> Usage:
    """The tokens of one of the route's requests on the reference, in the mean of its sample."""
    count = max(1, len(route.sample))
    prompt = sum(each.tally.prompt for each in route.sample) // count
    return Usage(prompt, sum(each.tally.completion for each in route.sample) // count)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What a model is tried for."""

    route: Route
    catalog: Catalog
    forbids: Forbids
    usage: Usage
    now: datetime

    def of(self, arm: Arm) -> Candidate | Refused:
        model = self.catalog.find(arm.model)
        if model is None:
            nearest = ", ".join(self.catalog.nearest(arm.model))
            return Refused(arm.id, "there is no such model" + (f"; did you mean {nearest}?" if nearest else ""))
        arm = Arm(model.id, arm.effort, arm.most_tokens)
        unable = _unable(model, self.route)
        if unable is not None:
            return Refused(arm.id, unable)
        served = [each for each in model.endpoints if each.served_on(self.now.date())]
        if not served:
            return Refused(arm.id, f"nobody serves it here; weighbridge models {model.id} says who would, with a key")
        kept_out = [(each, self.forbids(model, each)) for each in served]
        allowed = [each for each, why in kept_out if why is None]
        if not allowed:
            why = next(why for _, why in kept_out if why is not None)
            return Refused(arm.id, f"policy: {why[:_SHOWN]}")
        priced = [(each, price) for each in allowed if (price := each.price_at(self.now)) is not None]
        if not priced:
            return Refused(arm.id, f"what {allowed[0].id} costs is not known: set its price in [providers]")
        return Candidate(arm, model, tuple(sorted(priced, key=lambda each: (cost(self.usage, each[1]), each[0].id))))


def _unable(model: Model, route: Route) -> str | None:
    """What of the route's requests the model is known not to do."""
    if model.output_modalities is not None and "text" not in model.output_modalities:
        return "it does not write text"
    if route.seen.tools and model.tools is False:
        return "it takes no tools, and the route's requests have some"
    if route.images and model.input_modalities is not None and "image" not in model.input_modalities:
        return "it takes no pictures, and the route's requests have some"
    if model.context is not None and route.longest > model.context:
        return f"its context of {model.context} tokens is too short for the longest of the route ({route.longest})"
    return None


def _is_wanted(model: Model, wanted: Wanted, now: datetime) -> bool:
    if not model.endpoints or (wanted.open_weights and not model.open_weights):
        return False
    if wanted.licence is not None and (model.licence is None or model.licence.licence_class != wanted.licence):
        return False
    return model.released is None or model.released <= now.date()


def _is_cheap(candidate: Candidate, wanted: Wanted) -> bool:
    return wanted.max_price is None or candidate.endpoints[0][1].output.base <= wanted.max_price


def _cheapest(endpoints: Iterable[Endpoint], usage: Usage, now: datetime) -> Decimal | None:
    prices = [price for each in endpoints if (price := each.price_at(now)) is not None]
    return min((cost(usage, price) for price in prices), default=None)


def _one_of_each_class(found: Sequence[Candidate], usage: Usage, most: int) -> list[Candidate]:
    """Of each price class the newest model."""
    dearest = sorted(found, key=lambda each: (-cost(usage, each.endpoints[0][1]), each.model.id))
    return newest_of_each_class(dearest, most, lambda each: each.model)


def newest_of_each_class(dearest: Sequence[T], most: int, model: Callable[[T], Model]) -> list[T]:
    """Of as many classes as are wanted, from the dearest to the cheapest and equal in number, each the newest model."""
    classes = min(most, len(dearest))
    bounds = [len(dearest) * place // classes for place in range(classes + 1)] if classes else []

    def newest(some: Sequence[T]) -> T:
        return max(some, key=lambda each: (model(each).released or date.min, model(each).id))

    return [newest(dearest[start:end]) for start, end in pairwise(bounds)]
