"""What a proof is made from and what is told of it: the replays of a route, the terms, the policies' outcomes."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.look import Look
from weighbridge.switch.evidence import betting
from weighbridge.switch.evidence.betting import Values
from weighbridge.switch.evidence.spending import share, single
from weighbridge.switch.outcome import Interval, Outcome

LEARNT_FROM: Final = 240
"""Cases of a route below which nothing is learnt: half of them would prove too little."""
Places = npt.NDArray[np.intp]
Expense = Callable[[int, int, float], float]
"""What an answer of an arm (0: the reference) to a prompt of so many tokens is expected to cost; nan: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The replays of a route: cases in the plan's order; those that no arm was graded on are left out."""

    cases: tuple[str, ...]
    looks: tuple[Look, ...]
    """Each as of its conversation's opening."""
    prompts: tuple[int, ...]
    """Tokens, about."""
    losses: Values
    """Cases x arms; nan: not graded."""
    harms: Values
    """The same: 1 where the reference was right and the arm wrong."""
    tokens: Values
    """Of answers: cases x (reference, arms); nan: not known."""
    costs: Values
    """What was paid: likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is to be proven."""

    arms: tuple[str, ...]
    """Ids, as the columns of what was seen."""
    planned: int
    """Cases that the plan has of the route: it decides which policies share delta."""
    epsilon: float
    delta: float
    route: str
    seed: str
    """The plan's id: it decides who is learnt from."""
    issue: int = 1
    """How often this plan's knob was tested before, and once more."""
    routes: int = 1
    """Among which delta is shared; 1 where each route's promise is read by itself."""
    encoder: Encoder | None = None
    judge_error: float = 0.0
    """What the judge's losses may be too low by: it is taken off epsilon."""

    @property
    def learns(self) -> bool:
        """Whether the knob is tested too."""
        return self.planned >= LEARNT_FROM

    @property
    def each(self) -> float:
        """The delta of each arm alone."""
        whole = single(self.delta, routes=self.routes)
        return whole / len(self.arms) / (2 if self.learns else 1)

    @property
    def knob(self) -> float:
        """The delta of the knob."""
        return share(self.delta / 2, routes=self.routes, issue=self.issue)

    @property
    def bound(self) -> float:
        """The loss, as graded, that is not to be exceeded."""
        return self.epsilon - self.judge_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """Some cases under one policy."""

    moved: npt.NDArray[np.bool_]
    losses: Values
    harms: Values
    costs: Values
    """nan where nothing is known of it."""
    usual: Values
    """What the reference costs; likewise."""

    @property
    def share(self) -> float:
        """Of the cases, that are moved."""
        return float(self.moved.mean())

    @property
    def saves(self) -> float:
        """Of what the reference costs; where that is nothing, what is moved."""
        both = ~np.isnan(self.costs) & ~np.isnan(self.usual)
        whole = float(self.usual[both].sum())
        return float(1 - self.costs[both].sum() / whole) if whole > 0 else self.share

    @property
    def free(self) -> bool:
        """Whether the reference costs nothing, so that nothing can be saved."""
        return not np.nansum(self.usual) > 0

    def outcome(self, delta: float) -> Outcome:
        """As it is told, with intervals that hold but with a chance of `delta`, however often one looks."""
        low, high = betting.interval(self.losses, delta)
        return Outcome(
            loss=Interval(low, high, float(self.losses.mean())),
            harm=rate(self.harms, delta),
            saving=saving(self.usual, self.costs, delta),
            moved=self.share,
        )


def rate(harms: Values, delta: float) -> Interval:
    """How often something happens, of zeros and ones."""
    low, high = betting.interval(harms, delta)
    return Interval(max(0.0, low), high, float(harms.mean()))


def saving(usual: Values, own: Values, delta: float) -> Interval | None:
    """One less the ratio of two means of the same cases; None where too few of both are known, or nothing was paid.

    Its interval is the usual one of a ratio (delta method): of money, which is not bounded, none holds for certain.
    """
    both = ~np.isnan(usual) & ~np.isnan(own)
    usual, own = usual[both], own[both]
    if len(own) < 2 or not usual.sum() > 0:
        return None
    ratio = float(own.sum() / usual.sum())
    error = float(np.std(own - ratio * usual, ddof=1) / len(own) ** 0.5 / usual.mean())
    wide = NormalDist().inv_cdf(1 - delta / 2) * error
    return Interval(1 - ratio - wide, 1 - ratio + wide, 1 - ratio)
