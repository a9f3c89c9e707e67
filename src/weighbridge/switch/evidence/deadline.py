"""Bets for a number of cases that is set: who knows when the game ends stakes by what is still missing, and how long.

A bet that grows fastest (betting.aimed) proves a mean that lies sqrt(2 ln(1/delta)) = 2.45 standard errors below what
is claimed in half of all samples; what comes after it has crossed, or by how much, is of no use. Whoever must have
1/delta by the last case, and no more, does best to stake as one who replicates an option that pays then: with S the
gains so far (mean - value), V their variance at the end and v what of it is still to come, the stake on the next is

    phi(d) / (Phi(d) sqrt(v)),  d = (S - z sqrt(V)) / sqrt(v),  z the normal quantile of 1 - delta.

So it takes little more than the z = 1.645 standard errors of a test at the end. The stake depends on what came before
only, and is never more than all: the capital is a supermartingale whatever the values' distribution is and however
wrong V is, and it may be looked at always, as that of each bet; only its strength is for the end. Where losses are rare
it is too coarse by itself: it is given a part of the capital, and the aimed bet the rest.

Kulldorff, Optimal control of favorable games with a time limit, SIAM J. Control Optim. 31 (1993); Voracek and Orabona,
STaR-Bets: sequential target-recalculating bets for tighter confidence intervals (2025, arXiv 2505.22422).
"""

import math
from statistics import NormalDist
from typing import Final

import numpy as np

from weighbridge.switch.evidence.betting import Values

_MOST: Final = 0.95
"""Of all that can be staked."""
_FAR: Final = -30.0
"""Below, the ratio of the normal density to its integral is the distance, to a thousandth."""


def log_capital_path(values: Values, mean: float, delta: float, squares: Values) -> Values:
    """The logarithm of the capital against "the mean is above `mean`" after each of the values.

    Args:
        values: rows x cases, in [-1, 1], in the order in which they came; all cases that there will be.
        mean: what is claimed, in (-1, 1).
        delta: 1/delta is aimed at.
        squares: for each row the mean square of mean - value that is expected, from other cases.

    Raises ValueError where a value lies beyond [-1, 1].
    """
    if values.size and not (np.abs(values) <= 1).all():
        raise ValueError("values lie in [-1, 1]")
    rows, cases = values.shape
    goal = NormalDist().inv_cdf(1 - delta) * np.sqrt(cases * squares)
    gained, log_capital = np.zeros(rows), np.zeros(rows)
    path = np.empty((rows, cases))
    for at in range(cases):
        left = np.sqrt((cases - at) * squares)
        stakes = np.minimum(_ratio((gained - goal) / left) / left, _MOST / (1 - mean))
        stakes[log_capital >= math.log(1 / delta)] = 0.0  # it is proven
        gain = mean - values[:, at]
        gained += gain
        log_capital = log_capital + np.log1p(stakes * gain)
        path[:, at] = log_capital
    return path


def shared(paths: Values, others: Values, share: float) -> Values:
    """What two bettors have together, of whom the first began with a share of the capital, in (0, 1)."""
    both: Values = np.logaddexp(math.log(share) + paths, math.log1p(-share) + others)
    return both


def _ratio(distances: Values) -> Values:
    """The normal density over its integral from below."""
    root = math.sqrt(2)
    return np.array(
        [
            -each if each < _FAR else math.sqrt(2 / math.pi) * math.exp(-each * each / 2) / math.erfc(-each / root)
            for each in distances.tolist()
        ]
    )
