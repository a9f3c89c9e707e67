"""Which settings of a knob keep a promise: tests in a fixed order, from the strictest to the loosest.

Each setting has its own bet against "its mean loss is above epsilon" (betting.py). It is proven once its capital has
ever reached 1/delta and all stricter ones are proven. Whichever settings break the promise, the first of them in the
order is proven wrongly with a chance of delta at most, and without it none that comes later is: so all that is proven
holds with a chance of 1 - delta, without dividing delta by their number, at whatever moment one stops.

Angelopoulos, Bates, Candes, Jordan and Lei, Learn then Test: calibrating predictive algorithms to achieve risk control
(2021), fixed-sequence testing; with the e-processes of Waudby-Smith and Ramdas in place of p-values.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from weighbridge.switch.evidence import deadline
from weighbridge.switch.evidence.betting import USUAL, Mixture, Values, log_capital_path

_ENDING: Final = 0.3
"""Of the capital, for the bet that is for the last case (deadline.py)."""


def proven(
    losses: Values,
    epsilon: float,
    delta: float,
    mixtures: Sequence[Mixture] | None = None,
    squares: Values | None = None,
) -> int:
    """How many settings are proven, of the first on, after all of the cases.

    Args:
        losses: settings x cases, in the order in which the cases came; the strictest setting first.
        epsilon: the mean loss that is not to be exceeded.
        delta: how likely the promise may be wrong.
        mixtures: of each setting's bets, from other cases than these; without, the usual one.
        squares: for each setting the mean square of epsilon - loss, likewise; with it, part of the capital is bet for
            the last of these cases, whose number is then to be set beforehand.
    """
    if not losses.shape[1]:
        return 0
    played = [USUAL] * len(losses) if mixtures is None else mixtures
    paths = np.stack([log_capital_path(row, epsilon, mixture) for row, mixture in zip(losses, played, strict=True)])
    if squares is not None:
        paths = deadline.shared(deadline.log_capital_path(losses, epsilon, delta * _ENDING, squares), paths, _ENDING)
    poor = paths.max(axis=1) < math.log(1 / delta)
    return int(np.argmax(poor)) if poor.any() else len(losses)
