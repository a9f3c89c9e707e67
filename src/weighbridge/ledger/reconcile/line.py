"""What every provider's list of usage is read into, and what it is held against. Values only."""

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from weighbridge.wire.usage import Source, Usage

Measure = Literal["requests", "prompt", "completion", "cached", "written", "reasoning", "cost"]
"""What may be compared. Tokens as in `Usage`: cached and written ones are part of the prompt."""
MEASURES: Final[tuple[Measure, ...]] = (
    "requests", "prompt", "completion", "cached", "written", "reasoning", "cost",
)  # fmt: skip
TOKENS: Final[tuple[Measure, ...]] = MEASURES[1:-1]

Cause = Literal[
    "past_gateway",
    "not_billed",
    "uncharged_attempt",
    "billed_twice",
    "tokens",
    "estimated",
    "bound",
    "client_left",
    "boundary",
    "price",
    "unpriced",
    "currency",
    "rounding",
    "unknown",
]
"""Why two lists differ.

past_gateway       it is in their list and not in ours: somebody used the account past the gateway
not_billed         it is in ours and not in theirs
uncharged_attempt  they charge for a trial of ours that failed, timed out or was called off, and is no cost in ours
billed_twice       their list has the same request more than once
tokens             they count other tokens than their own answer reported
estimated          nobody had told us the tokens, so ours are an estimate
bound              ours is the most that it could have been, as its worker died
client_left        the same as `estimated`, where the client had left
boundary           it is in another of their days or hours than in ours: another time zone, or they count at the end
price              the tokens agree and the cost does not: our price list is out of date, or theirs is
unpriced           our list has no price for it
currency           they charge in another currency
rounding           they write fewer digits than we
unknown            none of these explains it
"""

_NO_COST: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Sums of what is compared; differences are signed. Cost is in US dollars."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            requests=self.requests + other.requests,
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=self.cached + other.cached,
            written=self.written + other.written,
            reasoning=self.reasoning + other.reasoning,
            cost=self.cost + other.cost,
        )

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            requests=self.requests - other.requests,
            prompt=self.prompt - other.prompt,
            completion=self.completion - other.completion,
            cached=self.cached - other.cached,
            written=self.written - other.written,
            reasoning=self.reasoning - other.reasoning,
            cost=self.cost - other.cost,
        )

    def only(self, measures: Container[Measure]) -> "Amounts":
        """Without what is not among the measures."""
        return Amounts(
            requests=self.requests if "requests" in measures else 0,
            prompt=self.prompt if "prompt" in measures else 0,
            completion=self.completion if "completion" in measures else 0,
            cached=self.cached if "cached" in measures else 0,
            written=self.written if "written" in measures else 0,
            reasoning=self.reasoning if "reasoning" in measures else 0,
            cost=self.cost if "cost" in measures else _NO_COST,
        )

    @property
    def has_tokens(self) -> bool:
        return any(getattr(self, name) for name in TOKENS)

    @property
    def usage(self) -> Usage:
        """Its tokens."""
        return Usage(self.prompt, self.completion, self.cached or None, self.written or None, self.reasoning or None)


NOTHING: Final = Amounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a provider's list: of one request, or the sum over a time. What it does not say is None."""

    place: str
    """`file:line`."""
    since: datetime
    until: datetime
    """The first moment after it; of a single request the same as `since`."""
    model: str | None = None
    """As the provider writes it; None: of all models."""
    request: str | None = None
    """The provider's own id, where the line is of one request."""
    requests: int | None = None
    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    written: int | None = None
    reasoning: int | None = None
    cost: Decimal | None = None
    """In `currency`, as it is written."""
    currency: str = "USD"
    digits: int = 9
    """How many digits behind the point the list gives of a cost; the rest is rounded."""
    key: str | None = None
    """The provider's id or name of its own key."""
    project: str | None = None
    """The project or workspace there."""

    @property
    def measures(self) -> frozenset[Measure]:
        """What it says something of."""
        return frozenset(name for name in MEASURES if getattr(self, name) is not None)

    def amounts(self, rate: Decimal = Decimal(1)) -> Amounts:
        """What it says, its cost in US dollars at so many of them for one unit of the currency."""
        said = {name: getattr(self, name) for name in self.measures}
        if self.cost is not None:
            said["cost"] = self.cost * rate
        return Amounts(**said)


@dataclass(frozen=True, slots=True)
class Statement:
    """A provider's list, whole. `covered` is what it is complete for: what is in no line there was not charged."""

    lines: tuple[Line, ...]
    covered: tuple[tuple[datetime, datetime], ...] = ()
    """Empty: it is complete for nothing, and says only what its lines name."""
    passed_over: tuple[tuple[str, str], ...] = ()
    """(place, why) of what is no usage of tokens and is not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """One thing that the ledger says a provider was asked: an entry, or an attempt of one that has its own charge."""

    receipt: str
    at: datetime
    until: datetime
    """When it ended."""
    model: str
    """What the model is called at the provider, or what its answer called itself."""
    request: str | None = None
    """The provider's own id of it."""
    usage: Usage | None = None
    """None: it was asked, gave no answer, and nothing was entered for it."""
    cost: Decimal | None = None
    counted_by: Source = "provider"
    left: bool = False
    """The client had left."""
    price_id: str | None = None
    adjusted: int = 0
    """How many entries have put it right before."""

    amounts: Amounts = field(init=False, repr=False, compare=False)
    """What it adds to our side; an unknown cost adds nothing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "amounts", _amounts(self.usage, self.cost))


def _amounts(usage: Usage | None, cost: Decimal | None) -> Amounts:
    if usage is None:
        return NOTHING
    return Amounts(
        requests=1,
        prompt=usage.prompt,
        completion=usage.completion,
        cached=usage.cached or 0,
        written=usage.written or 0,
        reasoning=usage.reasoning or 0,
        cost=cost or _NO_COST,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something by which the lists differ, with its cause. `amounts` is what to add to ours to have theirs."""

    cause: Cause
    why: str
    """In words."""
    amounts: Amounts
    since: datetime
    until: datetime
    model: str | None
    receipt: str | None = None
    request: str | None = None
    place: str | None = None
    """Where it stands in their list."""

    @property
    def certain(self) -> bool:
        """Whether it is known of which request of ours it is, by the provider's own id."""
        return self.receipt is not None and self.request is not None and self.place is not None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sums and all that is between: `ours` and the differences make `theirs`, in each of the measures."""

    measures: frozenset[Measure]
    """What their list says something of."""
    ours: Amounts
    theirs: Amounts
    differences: tuple[Difference, ...]
    matched: int
    """Requests, or days or hours of a model, that are in both lists."""
    foreign: dict[str, Decimal] = field(default_factory=dict)
    """What is charged in currencies that no rate was given for; it is in no sum."""
    settled: tuple["Settled", ...] = ()
    """Requests whose figures are certain, and not ours."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A request of ours that the provider's own id names, and what the provider says of it."""

    ours: Ours
    theirs: Line
