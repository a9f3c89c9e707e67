"""Who is to answer a request that may be moved: the cheapest arm that is predicted to lose little enough.

The choice is a function of the rule, of how the conversation began and of today's prices, so that each turn of a
conversation goes to the same model, whichever worker takes it, and its provider's cache is of use: nothing is
remembered. It falls out anew only where the rule, the prices or who is well have changed.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.rule import Arm, Choice, Rule
from weighbridge.routing.quality.worth import saved, worth


class Predicts(Protocol):
    """What was learnt of a route: see routing.quality.predictor."""

    def losses(self, look: Look, route: str | None = None) -> Sequence[float]:
        """The loss that is predicted for each arm on a route, in the rule's order."""
        ...

    def tokens(self, look: Look) -> Sequence[float]:
        """Tokens of the answer that are expected of the reference, and then of each arm."""
        ...

    def novelty(self, look: Look) -> float:
        """How unlike it is to what was learnt from; bigger is stranger."""
        ...


class Foreseen(msgspec.Struct, frozen=True):
    """What is predicted of one request: see Predicts."""

    losses: Sequence[float]
    tokens: Sequence[float]
    novelty: float


def foresee(predictor: Predicts, look: Look, route: str) -> Foreseen:
    """All that is predicted of a request; a thread may do it."""
    return Foreseen(predictor.losses(look, route), predictor.tokens(look), predictor.novelty(look))


Expense = Callable[[Arm, float], Decimal | None]
"""What an answer of so many tokens is expected to cost by an arm now, in US dollars; None: nobody may be asked."""


def settled(rule: Rule, now: datetime) -> Choice | None:
    """The choice where none is left, whatever the request; None: the request decides."""
    if rule.state in ("rolled_back", "expired"):
        return Choice(None, rule.state)
    if now >= rule.expires:
        return Choice(None, "expired")
    if math.isinf(rule.tau) and rule.tau < 0:
        return Choice(None, "stepped_back" if rule.state == "stepped_back" else "reference")
    return None


def choose(rule: Rule, foreseen: Foreseen, expense: Expense, prompt: int = 0) -> Choice:
    """The arm that is worth most (see worth.py), of those that are worth it and cheaper than the reference now.

    What is worth it is decided by the rule's own rates for a `prompt` of so many tokens, where it has any: today's
    prices decide whether an arm is taken at all, and not how much may be lost.
    Where both cost nothing, as on a machine of one's own, the arm is taken too: the smaller is still the quicker.
    An arm that nobody may be asked for just now, or at an unknown price, is passed over. For whoever is not `settled`.
    """
    novelty, losses, tokens = float(foreseen.novelty), foreseen.losses, foreseen.tokens
    if not novelty <= rule.novelty:
        return Choice(None, "novel", novelty=novelty)
    rated = [_saved(rule, at, prompt, tokens) if rule.rates else None for at in range(len(rule.arms))]
    proven = [
        (arm, float(loss), at)
        for at, (arm, loss, saving) in enumerate(zip(rule.arms, losses, rated, strict=True))
        if _may_be_worth_it(rule, float(loss), saving)
    ]
    if not proven:
        return Choice(None, "reference", novelty=novelty)
    reference = expense(Arm(rule.reference), tokens[0])
    best: tuple[float, float, float, Arm] | None = None
    refused = 0
    for arm, loss, at in proven:
        cost = expense(arm, _tokens(arm, tokens[at + 1]))
        if cost is None:
            refused += 1
        elif reference is None or cost < reference or not cost:
            saving = rated[at]
            if saving is None:
                saving = 1.0 if reference is None else saved(float(cost), float(reference), None)
            gain = worth(loss, saving, rule.tau)
            if gain >= 0 and (best is None or (gain, -cost) > best[:2]):
                best = gain, -float(cost), loss, arm
    if best is None:
        return Choice(None, "policy" if refused == len(proven) else "reference", novelty=novelty)
    return Choice(best[3], "proven", best[2], novelty)


def _may_be_worth_it(rule: Rule, loss: float, saving: float | None) -> bool:
    """Whatever it costs now."""
    if rule.usual is None or saving is None:
        return loss <= rule.tau
    return worth(loss, saving, rule.tau) >= 0


def _saved(rule: Rule, at: int, prompt: int, tokens: Sequence[float]) -> float:
    """By what it cost when it was proven."""
    arm, reference = rule.rates[at + 1], rule.rates[0]
    cost = arm.cost(prompt, _tokens(rule.arms[at], tokens[at + 1]))
    return saved(cost, reference.cost(prompt, tokens[0]), rule.usual)


def _tokens(arm: Arm, expected: float) -> float:
    return expected if arm.most_tokens is None else min(expected, arm.most_tokens)
