"""What was found of a way to answer a route, as verdicts say it, certificates keep it and reports show it.

Shares, losses and harm are of 1. None is unknown, or does not apply.
"""

from typing import Final, Literal

import msgspec

ALWAYS: Final = 1e9
"""The setting of the knob at which an arm answers whatever is predicted; JSON has no infinity."""

Why = Literal["proven", "undecided", "too_lossy", "spent", "no_saving", "ungraded", "running"]
"""proven; the interval still holds epsilon; loses more than it for sure; no budget or cases are left to decide; nothing
cheaper can be moved; nothing could be graded; the replay has not ended."""


class Interval(msgspec.Struct, frozen=True, gc=False):
    """A value and where it lies with the promise's confidence, however often one looks."""

    low: float
    high: float
    value: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a way to answer a route does beside always the reference."""

    loss: Interval | None = None
    """The reference's quality less its own."""
    harm: Interval | None = None
    """Of all requests: the reference was right and it was wrong."""
    saving: Interval | None = None
    """Of what the reference costs."""
    moved: float | None = None
    """Share of requests that a cheaper model answers."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway can see of the calls that it moves: an alarm goes by nothing else."""

    share: float
    """Of them, whose answers it can grade while it runs. What the others lose it does not notice."""
    blind_to: tuple[str, ...] = ()
    """What graded the others: it runs no code that models wrote, and no grader of a user's own."""


class Point(msgspec.Struct, frozen=True, gc=False):
    """The route by one value of the knob, on the replays that the promise rests on."""

    tau: float | None
    """Quality that is given up for saving all of the reference's cost; None: always the reference."""
    cost: float
    """Of the reference's."""
    loss: float
    """Measured."""
    moved: float
    chosen: bool = False


class Found(msgspec.Struct, frozen=True):
    """What was found of one arm, if it always answered."""

    outcome: Outcome
    why: Why
    more: int | None = None


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Who said which answer is better, where it was no exact comparison."""

    name: str
    """Model, and version of its prompt."""
    error: Interval | None = None
    """How far its losses are from exact or human ones; None: that was not measured."""
    pairs: int = 0
    """On so many pairs."""


class LengthEffect(msgspec.Struct, frozen=True):
    """What length does to a judge's losses: least squares on the logarithm of candidate's over reference's length."""

    count: int
    slope: float
    """Of the loss, for each factor of e: below 0, longer candidates are judged better."""
    slope_error: float
    """Its standard error, robust to unequal variances (HC1)."""
    mean: float
    """Loss as judged."""
    at_equal_length: float
    """Loss that the line has for answers of one length."""
    at_equal_length_error: float
