"""What the report says, as values: what `--json` prints and the page is made of.

Shares, losses and harm are of 1; money is US dollars; latencies are seconds. None is unknown, or does not apply.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

from weighbridge.routing.quality.rule import State
from weighbridge.switch.outcome import Judge, LengthEffect, Outcome, Point, Sight, Why
from weighbridge.switch.planned import About


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A model's own replays in a route."""

    arm: str
    """Its id; the reference's model for the reference."""
    answers: int
    failed: int = 0
    """Requests that ended without an answer."""
    p50: float | None = None
    p95: float | None = None
    cost: float | None = None
    """Of a thousand requests."""
    refused: float | None = None
    format_valid: float | None = None
    """Of answers that were to have a format."""
    tools_valid: float | None = None
    """Of answers that called a tool."""
    cut: float | None = None
    """Answers that ended at their limit of tokens."""
    tokens: float | None = None
    """Of an answer: the median."""


class Candidate(msgspec.Struct, frozen=True):
    """An arm if it always answered."""

    side: Side
    outcome: Outcome
    why: Why
    more: int | None = None
    """About so many replays more would decide."""


class Texts(msgspec.Struct, frozen=True):
    """What was asked and answered, where it is kept."""

    asked: str
    reference: str | None
    candidate: str | None


class Worst(msgspec.Struct, frozen=True, kw_only=True):
    """An example that lost."""

    case: str
    arm: str
    loss: float
    grader: str
    why: str = ""
    """In the grader's words."""
    receipt: str | None = None
    """Of the candidate's answer."""
    reference_receipt: str | None = None
    texts: Texts | None = None


class Rests(msgspec.Struct, frozen=True, kw_only=True):
    """What the promise rests on."""

    replays: int
    """That it was proven on, and on nothing else."""
    fitted: int = 0
    """That the predictor was fitted on; none of them is among those."""
    first: date | None = None
    """When the requests were made."""
    last: date | None = None
    prices: date | None = None
    """The day of the prices."""
    policy: str | None = None
    """A hash of the policy in force."""
    graders: tuple[str, ...] = ()
    judge: Judge | None = None
    length: LengthEffect | None = None
    """What length does to what the judge says; None: nobody judged, on too few pairs, or all are of one length."""
    sight: Sight | None = None
    """What an alarm can see of what is moved; None: that was not looked at, or nothing is."""
    encoder: str | None = None
    certificate: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A change of what is in force."""

    at: datetime
    state: State
    tau: float | None
    why: str


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Since it was applied."""

    state: State
    rate: float | None
    """Share of moved requests that the reference is asked as well."""
    shadows: int
    graded: int
    loss: float | None
    """Their mean."""
    harmed: int
    alarms: int
    steps: tuple[Step, ...]
    """Newest first."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route's part of the report."""

    id: str
    about: About
    """Its key, application, tools and format."""
    why: Why
    epsilon: float
    """Loss that was asked for at most."""
    confidence: float
    more: int | None = None
    """About so many replays more would decide."""
    routed: Outcome | None = None
    """By the knob that was proven, or would be taken."""
    month: float | None = None
    """What the route's requests cost in thirty days on the reference, at the pace that was seen."""
    reference: Side
    candidates: tuple[Candidate, ...] = ()
    curve: tuple[Point, ...] = ()
    worst: tuple[Worst, ...] = ()
    rests: Rests
    watched: Watched | None = None
    """None: it was never applied."""

    @property
    def proven(self) -> bool:
        """Whether there is a certificate."""
        return self.why == "proven"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of a plan."""

    version: Literal[1] = 1
    plan: str
    planned: datetime
    made: datetime
    """When the report was."""
    reference: str
    routes: tuple[Route, ...]
    replays: int
    spent: float
    """By the replays of this plan, judges included."""
