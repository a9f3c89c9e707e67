"""How many replays a promise needs."""

import math

import numpy as np

from weighbridge.switch.evidence.betting import USUAL, Values


def replays(spread: float, slack: float, delta: float) -> int:
    """About how many show a mean loss to lie below what is allowed: 2 s^2 ln(1/delta) / slack^2.

    `spread` is s^2, the losses' second moment (of losses of -1, 0 and 1 the share that is not 0), `slack` what is
    allowed less the true mean. Raises ValueError where there is no slack: then none are enough.
    """
    if slack <= 0:
        raise ValueError("what loses as much as is allowed, or more, is never proven")
    return math.ceil(2 * spread * math.log(1 / delta) / slack**2)


def fewest(epsilon: float, delta: float) -> int:
    """How many prove a promise where nothing is ever lost: it cannot be done with less."""
    growth = np.log1p(USUAL.fractions * epsilon / (1 - epsilon))
    low, high = 0, math.ceil(math.log(1 / delta / float(USUAL.weights[-1])) / float(growth[-1]))
    while high - low > 1:
        middle = (low + high) // 2
        if float((USUAL.weights * np.exp(middle * growth)).sum()) >= 1 / delta:
            high = middle
        else:
            low = middle
    return high


def needed(losses: Values, epsilon: float, delta: float) -> int | None:
    """How many in all, if more come that are as these; None: no number is enough.

    By the growth of the best stake on them; half of all runs take longer.
    """
    if not len(losses):
        return fewest(epsilon, delta)
    stakes = np.linspace(0.005, 1.0, 200)[:, None] / (1 - epsilon)
    with np.errstate(divide="ignore"):
        growth = float(np.log(np.maximum(1 + stakes * (epsilon - losses), 0.0)).mean(axis=1).max())
    if growth <= 0:
        return None
    about = math.ceil((math.log(1 / delta) + 2) / growth)  # 2: what the mixture costs, about
    return max(fewest(epsilon, delta), about)
