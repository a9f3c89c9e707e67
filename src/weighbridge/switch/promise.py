"""What a gateway goes by of a certificate's document, wherever else that has more to say."""

import math
from typing import Final, Literal

import msgspec

from weighbridge.routing.quality.rule import Arm, Rates
from weighbridge.switch.outcome import ALWAYS, Sight

Knob = float | Literal["always"] | None
"""As JSON has it, which knows no infinity: `always` stands for inf, null for -inf. See routing.quality.worth."""


def knob_of(told: Knob) -> float:
    """As rules have it."""
    if told is None:
        return -math.inf
    return math.inf if told == "always" else told


def knob_told(tau: float) -> Knob:
    """As JSON has it."""
    if tau >= ALWAYS:
        return "always"
    return None if math.isinf(tau) else tau


class Promise(msgspec.Struct, frozen=True):
    """Who answers a route instead of whom, and how much that was shown to lose at most."""

    reference: str
    arms: tuple[Arm, ...]
    """As what predicts counts them."""
    tau: Knob = None
    """See Knob."""
    novelty: float | None = None
    """Requests that are stranger go to the reference; None: none is too strange."""
    allowed: tuple[float, ...] = ()
    """The stricter values of the knob that were proven too."""
    epsilon: float = 0.0
    """The loss that was shown not to be exceeded."""
    delta: float = 0.05
    """How likely that is wrong."""
    judge: str | None = None
    """The model that judges what no grader can tell."""
    checks: tuple[str, ...] = ()
    """What it is asked of each answer; none: it compares the two."""
    sight: Sight | None = None
    """What an alarm can see; None: that was not looked at."""
    watch: float | None = None
    """The loss up to which shadows are no alarm, where that is not `epsilon`: of them nothing is expected."""
    rates: tuple[Rates, ...] = ()
    """See Rule.rates."""
    usual: float | None = None
    """See Rule.usual."""

    @property
    def knob(self) -> float:
        """-inf: always the reference, inf: always the cheapest."""
        return knob_of(self.tau)

    @property
    def cut(self) -> float:
        """The novelty above which requests go to the reference."""
        return math.inf if self.novelty is None else self.novelty

    @property
    def is_blind(self) -> bool:
        """Whether no call that is moved can be graded while the gateway runs, so that none need be watched."""
        return self.sight is not None and not self.sight.share

    @property
    def blindness(self) -> str:
        """What no alarm will see, in words; empty: it sees all, or that was not looked at."""
        if self.sight is None or not self.sight.blind_to:
            return ""
        whose = ", ".join(self.sight.blind_to)
        share = "none" if self.is_blind else f"about {self.sight.share:.0%}"
        return f"the alarm sees {share} of what is moved: {whose} does not grade while the gateway runs"

    @property
    def bound(self) -> float:
        """The loss that shadows may have."""
        return self.epsilon if self.watch is None else self.watch


_promises: Final = msgspec.json.Decoder(Promise)


def promise_of(document: bytes) -> Promise:
    """Raises msgspec.MsgspecError where it is of another release."""
    return _promises.decode(document)
