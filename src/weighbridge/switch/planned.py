"""A plan as it is stored: which cases are replayed on which arms, and what that was said to cost. It has no text."""

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.routing.quality.rule import Arm
from weighbridge.switch.sources import Ref

VERSION: Final = 1
MEASURED: Final = 100
"""Pairs of a route, of which it is known who is right, that its judge is asked about as well."""


class FromTexts(msgspec.Struct, frozen=True, tag="texts"):
    """Cases are kept texts, from some time on."""

    since: datetime | None = None
    key: str | None = None


class FromFile(msgspec.Struct, frozen=True, tag="file"):
    """Cases are the lines of a file."""

    path: str


class Range(msgspec.Struct, frozen=True):
    """US dollars: at the least, as expected, at the most."""

    low: Decimal
    middle: Decimal
    high: Decimal

    def times(self, count: int | Decimal) -> "Range":
        """So many of it."""
        return Range(self.low * count, self.middle * count, self.high * count)

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.middle + other.middle, self.high + other.high)


NOTHING: Final = Range(Decimal(0), Decimal(0), Decimal(0))


class PlannedArm(msgspec.Struct, frozen=True):
    """A candidate on one route."""

    arm: Arm
    licence: str | None
    """The SPDX id."""
    endpoint: str
    """The cheapest that may be asked."""
    each: Range
    """What one of the route's requests costs on it."""
    known: int = 0
    """Of the route's cases those that it was graded on before: they are not asked again."""


class Refused(msgspec.Struct, frozen=True):
    """A model that is no candidate."""

    model: str
    why: str


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a route's requests have in common, for people; nothing of what is said in them is in it."""

    key: str = ""
    """The name of the key that asks; empty: any."""
    tools: tuple[str, ...] = ()
    format: str = "text"
    """`text`, `json_object` or `json_schema`."""
    app: str = ""
    instructions: str = ""
    """The beginning of a hash of them; empty: there are none."""


class PlannedRoute(msgspec.Struct, frozen=True):
    """A route, and what is replayed of it."""

    route: str
    about: About
    key: str
    """The id of the key that asks; empty: any."""
    requests: int
    """That were found of it."""
    since: datetime | None
    until: datetime | None
    a_day: float | None
    """Requests a day; None where they have no times."""
    reference_each: Decimal | None
    """What one costs on the reference, in US dollars; None where it is not known."""
    recorded: bool
    """Whether that is from the ledger; else it is worked out."""
    cases: tuple[Ref, ...]
    """What is replayed, in a random order that the plan's id decides."""
    answered: int
    """Of them those whose reference answer is kept."""
    judged: int
    """Of them those that only a judge can grade."""
    arms: tuple[PlannedArm, ...]
    tags: tuple[str, ...] = ()
    """All that its requests were marked with: the policy binds their replays by these."""
    refused: tuple[Refused, ...] = ()
    issued: int = 0
    """Certificates that were issued on these replays before: each issue takes its share of delta."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    version: int = VERSION
    id: str
    at: datetime
    reference: str
    source: FromTexts | FromFile
    epsilon: float
    """The loss of quality that is to be shown not to be exceeded."""
    delta: float
    """How likely the promise may be wrong."""
    budget: Decimal | None = None
    """US dollars; None: as much as it takes."""
    judge: str | None = None
    judge_each: Range = NOTHING
    """What one judgement costs: both orders."""
    routes: tuple[PlannedRoute, ...]

    @property
    def tag(self) -> str:
        """What its replays are marked with in the ledger."""
        return f"switch:{self.id}"

    def cost(self) -> Range:
        """What all of it is expected to cost at the most: where no arm is settled early."""
        return sum((cost_of(self, route) for route in self.routes), NOTHING)


def cost_of(plan: Plan, route: PlannedRoute) -> Range:
    """What the replays of a route come to: the reference where it must be asked again, each arm, each judgement."""
    if not route.arms:
        return NOTHING
    total = NOTHING
    again = len(route.cases) - route.answered
    if again and route.reference_each is not None:
        each = route.reference_each
        total += Range(each, each, each).times(again)
    for arm in route.arms:
        left = len(route.cases) - arm.known
        total += arm.each.times(left)
        if plan.judge is not None and route.judged:  # and as many as measure it, of those that are known
            judged = min(left, route.judged)
            total += plan.judge_each.times(judged + min(MEASURED, left - judged))
    return total


UNREADABLE: Final = msgspec.MsgspecError
"""What `decode` raises."""


def encode(plan: Plan) -> bytes:
    """A plan as it is stored."""
    return msgspec.json.encode(plan)


def decode(document: bytes) -> Plan:
    """The plan of a document. Raises msgspec.MsgspecError where it is of a newer release."""
    return msgspec.json.decode(document, type=Plan)
