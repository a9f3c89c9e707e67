"""What was proven for a route, as the gateway goes by it: values only."""

from datetime import datetime
from typing import Literal

import msgspec


class Arm(msgspec.Struct, frozen=True, gc=False):
    """A way to answer that is cheaper than the reference."""

    model: str
    """The catalogue's id."""
    effort: str | None = None
    """Of reasoning; None: as the client said."""
    most_tokens: int | None = None
    """Of the answer; None: as the client said."""

    @property
    def id(self) -> str:
        """`model`, `model@low`, `model@low#512`."""
        effort = f"@{self.effort}" if self.effort else ""
        return f"{self.model}{effort}" + (f"#{self.most_tokens}" if self.most_tokens else "")


State = Literal["proven", "stepped_back", "rolled_back", "expired", "uncertified"]


class Rates(msgspec.Struct, frozen=True, gc=False):
    """What an answer costs, in US dollars."""

    prompt: float
    """A token."""
    answer: float
    """A token."""
    request: float = 0.0

    def cost(self, prompt: int, answer: float) -> float:
        """Of so many tokens."""
        return self.request + self.prompt * prompt + self.answer * answer


class Rule(msgspec.Struct, frozen=True):
    """A certificate in force."""

    route: str
    """The fingerprint it holds for."""
    certificate: str
    reference: str
    """The model that its requests name, and that answers where nothing is proven."""
    arms: tuple[Arm, ...]
    """Candidates, as the predictor counts them."""
    tau: float
    """The quality given up for saving what the reference costs (see worth.py); -inf: always the reference."""
    novelty: float
    """Requests that are stranger than this go to the reference."""
    shadow_rate: float
    """Share of moved requests that the reference is asked as well."""
    expires: datetime
    state: State = "proven"
    allowed: tuple[float, ...] = ()
    """The stricter values of the knob that were proven too, from which an alarm takes the next; ascending."""
    rates: tuple[Rates, ...] = ()
    """Of the reference and each arm on the day it was proven: what is saved is weighed against what is lost by these,
    so that a change of prices moves nothing that was not proven; none: by today's."""
    usual: float | None = None
    """What an answer of the reference cost in the mean, by these rates: see worth.saved; None: nothing is weighed by
    it."""


Why = Literal[
    "proven",
    "uncertified",
    "reference",
    "novel",
    "expired",
    "stepped_back",
    "rolled_back",
    "policy",
    "pinned",
    "unknown",
]
"""Of a choice: the arm is proven good enough, or `auto` was asked for where nothing is proven; or why it is the
reference: no arm that is cheaper loses little enough, the request is like none that was replayed, the certificate has
run out, an alarm or its owner has taken it back, no proven arm may be asked just now, the request says so itself, or
what it is predicted by cannot be read here."""


class Choice(msgspec.Struct, frozen=True):
    """Who is to answer one request, and why."""

    arm: Arm | None
    """None: the reference."""
    why: Why
    loss: float | None = None
    """As predicted for the arm."""
    novelty: float | None = None
