"""What replays prove of a route: which policy may answer it, and how much that loses at most. Numbers in, numbers out.

Two kinds of policies are tested, and share delta:

- *each arm alone*: it always answers. The policy is known before the first replay, so every case counts, and it may be
  looked at after each (`settled`): its bet is an e-process.
- *the knob*: each request goes to what is worth most by predicted losses (routing.quality.worth). Where a route has
  LEARNT_FROM cases or more, those of one half, drawn by a hash of their ids, are learnt from and say where to look; the
  other half alone decides, in a fixed order from strict to loose. Each issue of a plan takes a share of delta anew.

Either leaves what is stranger than nearly all that was seen to the reference; that is decided by requests, not by what
was lost on them. Of all that is proven, what saves most is taken.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.routing.quality.predictor import Predictor
from weighbridge.switch.evidence import betting, planning
from weighbridge.switch.evidence.betting import Values
from weighbridge.switch.knob import Tested, tested
from weighbridge.switch.learning.fit import FEWEST
from weighbridge.switch.learnt import learnt
from weighbridge.switch.outcome import ALWAYS, Found, Interval, Outcome, Point, Why
from weighbridge.switch.seen import Expense, Seen, Terms, Under, rate, saving

_FEWEST_LOOKED_AT: Final = 30
_HOPELESS: Final = 0.3
"""A loss above which, for certain, an arm is of no use in part either."""
_CONVINCED: Final = 0.3
"""What the capital must have beyond enough when a run stops early, in logarithms: strange cases are set apart later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found of a route. Where nothing is proven, `tau` is -inf, and there are no arms."""

    why: Why
    alone: dict[str, Found]
    """What was found of each arm, if it always answered."""
    more: int | None = None
    """About so many replays more would decide."""
    tau: float = -math.inf
    arms: tuple[str, ...] = ()
    """As the predictor counts them."""
    allowed: tuple[float, ...] = ()
    """Stricter settings that are proven too, ascending."""
    novelty: float = math.inf
    usual: float | None = None
    """See Rule.usual."""
    predictor: Predictor | None = None
    routed: Outcome | None = None
    """What the policy does."""
    curve: tuple[Point, ...] = ()
    replays: int = 0
    """That it rests on."""
    fitted: int = 0
    """That were learnt from, and are none of those."""
    moved: tuple[str, ...] = ()
    """The cases, of those that it rests on, that the policy moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Policy:
    """Who answers the requests of a route, proven."""

    arms: tuple[str, ...]
    tau: float
    allowed: tuple[float, ...]
    novelty: float
    predictor: Predictor
    under: Under
    cases: tuple[str, ...]
    curve: tuple[Point, ...]
    fitted: int = 0
    usual: float | None = None


def settled(terms: Terms, losses: Values) -> Why | None:
    """Whether no more replays of an arm are needed, or of any use; None: go on. It may be asked after each."""
    if len(losses) < _FEWEST_LOOKED_AT:
        return None
    if betting.log_capital(losses, terms.bound) >= math.log(1 / terms.each) + _CONVINCED:
        return "proven"
    return "too_lossy" if betting.lower(losses, terms.each) > max(_HOPELESS, 5 * terms.epsilon) else None


def verdict(terms: Terms, seen: Seen, expense: Expense) -> Verdict:
    """What the replays prove."""
    alone = {arm: _found(terms, seen, at) for at, arm in enumerate(terms.arms)}
    policies = [_always(terms, seen, at) for at, arm in enumerate(terms.arms) if alone[arm].why == "proven"]
    knob = tested(terms, seen, expense) if terms.learns else None
    policies.append(None if knob is None else _turned(terms, knob))
    proven = [each for each in policies if each is not None]
    if proven:
        return _proven(terms, alone, max(proven, key=lambda each: (each.under.saves, each.under.share)))
    more = [each.more for each in alone.values() if each.more is not None]
    return Verdict(
        why=_worst([each.why for each in alone.values()]),
        alone=alone,
        more=min(more, default=None),
        curve=() if knob is None else knob.curve,
        replays=len(seen.cases) if knob is None else len(knob.cases),
        fitted=0 if knob is None else knob.fitted,
    )


def _proven(terms: Terms, alone: dict[str, Found], best: _Policy) -> Verdict:
    return Verdict(
        why="proven",
        alone=alone,
        tau=best.tau,
        arms=best.arms,
        allowed=best.allowed,
        novelty=best.novelty,
        usual=best.usual,
        predictor=best.predictor,
        routed=best.under.outcome(terms.delta),
        curve=best.curve,
        replays=len(best.cases),
        fitted=best.fitted,
        moved=tuple(case for case, moved in zip(best.cases, best.under.moved, strict=True) if moved),
    )


_ORDER: Final[tuple[Why, ...]] = ("undecided", "no_saving", "spent", "too_lossy")


def _worst(of_arms: Sequence[Why]) -> Why:
    """What is said of a route of which nothing is proven: what there is most hope in."""
    if "proven" in of_arms:  # an arm, and not without its strange cases
        return "undecided"
    return next((why for why in _ORDER if why in of_arms), "ungraded")


def _found(terms: Terms, seen: Seen, at: int) -> Found:
    """Of an arm if it always answered."""
    graded = ~np.isnan(seen.losses[:, at])
    losses = seen.losses[graded, at]
    saved = saving(seen.costs[graded, 0], seen.costs[graded, at + 1], terms.delta)
    if not len(losses):
        return Found(Outcome(saving=saved, moved=1.0), "ungraded")
    low, high = betting.interval(losses, terms.delta)
    loss = Interval(low, high, float(losses.mean()))
    outcome = Outcome(loss=loss, harm=rate(seen.harms[graded, at], terms.delta), saving=saved, moved=1.0)
    if betting.log_capital(losses, terms.bound) >= math.log(1 / terms.each):
        dear = saved is not None and saved.value is not None and saved.value <= 0
        return Found(outcome, "no_saving" if dear else "proven")
    if betting.lower(losses, terms.each) > terms.bound:
        return Found(outcome, "too_lossy")
    needed = planning.needed(losses, terms.bound, terms.each)
    more = None if needed is None or needed <= len(losses) else needed - len(losses)
    return Found(outcome, "undecided" if more is not None else "spent", more)


def _always(terms: Terms, seen: Seen, at: int) -> _Policy | None:
    """That an arm answers all but strange requests; None where that is not proven."""
    graded = np.flatnonzero(~np.isnan(seen.losses[:, at]))
    if len(graded) < FEWEST:
        return None
    predictor, strange = learnt(terms, seen, graded, [at])
    moved = predictor.of_rows(predictor.reader.read_all([seen.looks[row] for row in graded]))[1] <= strange
    usual = seen.costs[graded, 0]
    under = Under(
        moved=moved,
        losses=np.where(moved, seen.losses[graded, at], 0.0),
        harms=np.where(moved, seen.harms[graded, at], 0.0),
        costs=np.where(moved, seen.costs[graded, at + 1], usual),
        usual=usual,
    )
    if betting.log_capital(under.losses, terms.bound) < math.log(1 / terms.each):
        return None
    cost = 0.0 if under.free else 1 - under.saves
    return _Policy(
        arms=(terms.arms[at],),
        tau=ALWAYS,
        allowed=(),
        novelty=strange,
        predictor=predictor,
        under=under,
        cases=tuple(seen.cases[row] for row in graded),
        curve=(
            Point(tau=None, cost=1.0, loss=0.0, moved=0.0),
            Point(tau=ALWAYS, cost=cost, loss=float(under.losses.mean()), moved=under.share, chosen=True),
        ),
    )


def _turned(terms: Terms, knob: Tested) -> _Policy | None:
    """The knob as far as it is proven and of use; None where it is not."""
    best = knob.best
    if best is None or (not knob.held[best].free and knob.held[best].saves <= 0):
        return None
    return _Policy(
        arms=tuple(terms.arms[at] for at in knob.arms),
        tau=knob.taus[best],
        allowed=knob.allowed,
        novelty=knob.novelty,
        predictor=knob.predictor,
        under=knob.held[best],
        cases=knob.cases,
        curve=knob.curve,
        fitted=knob.fitted,
        usual=knob.usual,
    )
