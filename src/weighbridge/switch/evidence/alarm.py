"""When what is watched has become worse than was promised: an alarm that may be looked at always, and rings for nothing
with a chance of delta at most, however long it watches.

It bets against "the mean loss is at most epsilon", as betting.py does the other way round. As losses may set in late,
after a long time in which all was well, it plays one bet that begins at each case: the k-th has a share of
1 / (k (k + 1)) of the whole, and what has not begun yet waits. That mixture is a supermartingale too. A case that was
watched with probability p counts with p_min / p, so that watching some kinds of requests more does not deceive it.

Shin, Ramdas and Rinaldo, E-detectors (2024), with a mixture over beginnings in place of their sum; weights as in B-PAC
reasoning (2601.22446).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_FRACTIONS: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
_FLOOR: Final = 1e-300


@dataclass(slots=True)
class Alarm:
    """Watches losses, each once, in the order in which they came."""

    epsilon: float
    """The mean loss that is allowed."""
    delta: float
    """How likely it may ring though no more than that is lost."""
    least: float = 1.0
    """The lowest probability with which a case is watched."""
    cases: int = 0
    _begun: list[float] = field(default_factory=lambda: [0.0] * len(_FRACTIONS))
    _highest: float = 1.0

    def add(self, loss: float, probability: float = 1.0) -> bool:
        """Whether it has rung, now or before. Raises ValueError for what cannot be."""
        if not -1 <= loss <= 1 or not self.least <= probability <= 1:
            raise ValueError(f"a loss of {loss}, watched with probability {probability}")
        self.cases += 1
        share = 1 / (self.cases * (self.cases + 1))
        surprise = (loss - self.epsilon) / (1 + self.epsilon) * self.least / probability
        self._begun = [
            max((begun + share) * (1 + fraction * surprise), _FLOOR)
            for begun, fraction in zip(self._begun, _FRACTIONS, strict=True)
        ]
        self._highest = max(self._highest, self.capital)
        return self.rang

    @property
    def capital(self) -> float:
        """What 1 has become; about 1 while all is well."""
        return sum(self._begun) / len(_FRACTIONS) + 1 / (self.cases + 1)

    @property
    def rang(self) -> bool:
        """Whether it has ever come to 1/delta."""
        return self._highest >= 1 / self.delta

    @property
    def level(self) -> float:
        """How far it is, in [0, 1]; at 1 it rings."""
        return min(1.0, max(0.0, math.log(self._highest) / math.log(1 / self.delta)))


def rings(losses: Iterable[float], epsilon: float, delta: float) -> int | None:
    """After how many of these losses it rings; None: not at all."""
    alarm = Alarm(epsilon, delta)
    for at, loss in enumerate(losses, 1):
        if alarm.add(loss):
            return at
    return None
