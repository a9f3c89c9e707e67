"""A plan, from what is asked for: requests are read and grouped, candidates proposed, and what it takes is reckoned."""

import functools
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from weighbridge.app.switch.setting import Setting, cases
from weighbridge.app.unable import Unable
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.db import Connection
from weighbridge.ledger.bill import reading
from weighbridge.switch import store
from weighbridge.switch.anchors import Anchors
from weighbridge.switch.candidates import Wanted
from weighbridge.switch.case import Case
from weighbridge.switch.cases import Skipped
from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.graders.judge import suited
from weighbridge.switch.graders.ladder import grade, graders
from weighbridge.switch.plan import Market, Promise, needed, planned
from weighbridge.switch.planned import FromFile, FromTexts, Plan, encode
from weighbridge.switch.routes import Route, grouped
from weighbridge.switch.sources import Found

MOST_REPLAYS: Final = 1000
"""Of a route, where nobody says."""
_NAMED: Final = 8
"""Routes that a message names."""
Watch = Callable[[Iterator[Found | Skipped]], AbstractContextManager[Iterator[Found | Skipped]]]
"""Whoever shows how many requests were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is asked for."""

    reference: str
    source: FromTexts | FromFile
    wanted: Wanted
    epsilon: float
    delta: float
    budget: Decimal | None = None
    judge: str | None = None
    most_replays: int = MOST_REPLAYS
    only: tuple[str, ...] = ()
    """Routes; none: all that there are enough requests of."""
    anchors: int | None = None
    """So many of each route at most, of those that were replayed before; None: requests are drawn anew."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A plan that is not stored yet."""

    plan: Plan
    skipped: list[Skipped]
    few: list[Route]
    """Routes that are left out, as nothing could be proven of them."""
    anchors: Anchors | None = None

    def store(self, connection: Connection) -> None:
        """Have it stand, with what it takes over of others, in a transaction of the caller's. Raises db.Error."""
        store.add_plan(connection, store.PlanRow(self.plan.id, self.plan.at, encode(self.plan)))
        if self.anchors is not None:
            store.add_replays(connection, self.anchors.taken_over(self.plan))


def drafted(at: Setting, asked: Draft, *, watch: Watch = nullcontext) -> Drafted:
    """The plan. Raises Unable, TextsUnavailable, and NoRequests with what was skipped."""
    model = at.model(asked.reference, "reference")
    judge = None if asked.judge is None else at.model(asked.judge, "judge")
    if judge is not None and not judge.endpoints:
        raise Unable(
            f"nobody serves {judge.id} here, so it cannot judge", next_step="weighbridge doctor", field="judge"
        )
    id_ = f"plan-{secrets.token_hex(6)}"
    anchors = None if asked.anchors is None else Anchors(at.connection, model.id)
    routes, skipped = _routes(at, asked, model.id, seed=id_, watch=watch, anchors=anchors)
    chosen, few = _chosen(routes, asked.only, needed(asked.epsilon, asked.delta, 0))
    made = planned(
        id_,
        chosen,
        model,
        source=asked.source,
        wanted=asked.wanted,
        promise=Promise(epsilon=asked.epsilon, delta=asked.delta, budget=asked.budget, judge=judge),
        market=_market(at, anchors),
        names=at.names,
    )
    return Drafted(made, skipped, few, anchors)


class NoRequests(Unable):
    """There is nothing to replay."""

    def __init__(self, reference: str, skipped: Sequence[Skipped]) -> None:
        super().__init__(f"no request was asked of {reference}", next_step=_MORE, field="source")
        self.skipped = skipped


class NoAnchors(Unable):
    """None of the requests was replayed before."""

    def __init__(self) -> None:
        super().__init__(
            "none of these requests was replayed before with an answer of the reference that is still kept",
            next_step="plan without --anchors, and run it with --keep-answers DAYS",
            field="source",
        )


def check(made: Plan, at: Setting) -> None:
    """Raise Unable where nothing could be replayed, or the judge is akin to whom it would judge."""
    if not any(route.arms for route in made.routes):
        refused = [each for route in made.routes for each in route.refused]
        why = f": {refused[0].model}: {refused[0].why}" if refused else ""
        raise Unable(
            f"there is no candidate for any route{why}",
            next_step="name one with --to MODEL, or have more providers answer here: weighbridge doctor",
            field="to",
        )
    if made.judge is None:
        return
    weighed = {made.reference, *(arm.arm.model for route in made.routes for arm in route.arms)}
    try:
        suited(made.judge, sorted(weighed), at.catalog.find)
    except GraderError as error:
        raise Unable(str(error), next_step="--judge MODEL, of a lab that made none of them", field="judge") from error


def _market(at: Setting, anchors: Anchors | None) -> Market:
    seen = functools.partial(reading.seen_of, at.connection)
    return Market(at.catalog, Tokenizers(), seen, at.forbids, at.now, anchors)


def _routes(
    at: Setting, asked: Draft, reference: str, *, seed: str, watch: Watch, anchors: Anchors | None
) -> tuple[list[Route], list[Skipped]]:
    ladder = graders()

    def judged(case: Case) -> bool:
        """A case whose answer is at hand is graded against itself: whatever grades that, will grade another."""
        if case.expected is not None or case.grader is not None:
            return False
        return case.reference is None or grade(case, case.reference, case.reference, graders=ladder) is None

    with cases(at, asked.source, reference) as given, watch(given.each()) as found:
        made, skipped = grouped(
            found,
            seed=seed,
            most=asked.most_replays if asked.anchors is None else asked.anchors,
            entry=at.entry,
            judged=judged,
            reference=reference,
            among=anchors,
        )
    if not made:
        raise NoRequests(reference, skipped)
    there = [route for route in made.values() if route.heap]
    if not there:
        raise NoAnchors
    return sorted(there, key=lambda route: -route.requests), skipped


_MORE: Final = (
    "weighbridge texts list shows what is kept; weighbridge keys keep-text KEY has more kept; or --requests FILE.jsonl"
)


def _chosen(routes: Sequence[Route], only: Iterable[str], fewest: int) -> tuple[list[Route], list[Route]]:
    """The routes to plan, and those with too few requests to prove anything, where others have enough."""
    wanted = set(only)
    if not wanted:
        enough = [route for route in routes if len(route.heap) >= fewest]
        return (enough, [route for route in routes if route not in enough]) if enough else (list(routes), [])
    unknown = wanted - {route.id for route in routes}
    if unknown:
        there = ", ".join(route.id for route in routes[:_NAMED])
        raise Unable(f"there is no route {min(unknown)!r}", next_step=f"--route {there}", field="only")
    return [route for route in routes if route.id in wanted], []
