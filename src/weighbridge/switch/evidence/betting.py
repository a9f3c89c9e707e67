"""Bets on a mean: how strongly values speak against it being as high as is claimed, however often one looks.

Values lie in [-1, 1]. Against the claim "their mean is above m", somebody starts with 1 and stakes a fraction of what
he has on each value being below m; he may lose all, never more. If the claim is true his capital is a non-negative
supermartingale, so it ever reaches 1/delta with a chance of delta at most (Ville's inequality). It may therefore be
looked at after every value, and one may stop when one likes.

He plays a mixture of constant fractions: the capital is then the same in whatever order the values come, is as good as
the best fraction but for its share in the mixture, and grows with m, so that a bound is found by halving.

Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, J. R. Stat. Soc. B 86 (2024);
Orabona and Jun, Tight concentrations and confidence sequences from the regret of universal portfolio (2021).
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

_FRACTIONS: Final = np.array([0.015, 0.05, 0.14, 0.35, 0.65, 0.9, 1.0])
"""Of the most that can be staked. More of them would each begin with less."""
_WEIGHTS: Final = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.25, 0.25])
"""What each begins with: that nothing is ever lost, or hardly anything, is common."""
_PRECISION: Final = 24
"""Halvings of a bound: to 1e-7, on the safe side."""
_EXPECTED: Final = 0.75
"""Share of the mixture that is staked as is expected to be best."""


class Mixture:
    """The fractions that are played, and what each begins with."""

    def __init__(self, expected: float | None = None) -> None:
        """`expected` is the fraction that values seen elsewhere make the best; none of these may be bet on."""
        if expected is None:
            self.fractions, self.weights = _FRACTIONS, _WEIGHTS
        else:
            fraction = min(1.0, max(float(_FRACTIONS[0]), expected))
            self.fractions = np.append(_FRACTIONS, fraction)
            self.weights = np.append(_WEIGHTS * (1 - _EXPECTED), _EXPECTED)


USUAL: Final = Mixture()


def log_capital(values: Values, mean: float, mixture: Mixture = USUAL) -> float:
    """The logarithm of the capital against "the mean is above `mean`", which is below 1, after these values.

    Raises ValueError where a value lies beyond [-1, 1].
    """
    return _log_capital(*np.unique(_checked(values), return_counts=True), mean, mixture)


def _log_capital(values: Values, counts: npt.NDArray[np.int64], mean: float, mixture: Mixture) -> float:
    """Of values that occur so often each: most losses are -1, 0 or 1."""
    factors = _log_factors(values, mean, mixture)
    with np.errstate(invalid="ignore"):
        paths = (factors * counts).sum(axis=1)
    return float(_log_sum(paths + np.log(mixture.weights)))


def log_capital_path(values: Values, mean: float, mixture: Mixture = USUAL) -> Values:
    """The same after each of the values."""
    paths = np.cumsum(_log_factors(_checked(values), mean, mixture), axis=1)
    path: Values = _log_sum(paths + np.log(mixture.weights)[:, None])
    return path


def upper(values: Values, delta: float, mixture: Mixture = USUAL) -> float:
    """The mean is not above this, at whatever moment one looks, but with a chance of `delta`; 1 where that is all."""
    return _halved(_checked(values), math.log(1 / delta), mixture)


def lower(values: Values, delta: float, mixture: Mixture = USUAL) -> float:
    """The mean is not below this, likewise."""
    return -_halved(-_checked(values), math.log(1 / delta), mixture)


def interval(values: Values, delta: float, mixture: Mixture = USUAL) -> tuple[float, float]:
    """Where the mean lies, but with a chance of `delta`."""
    return lower(values, delta / 2, mixture), upper(values, delta / 2, mixture)


def aimed(values: Values, mean: float, delta: float, cases: int) -> Mixture:
    """For so many cases that are to come, of which these, which are not among them, are an example.

    Its expected fraction is the one that is best where the claim is only just refuted: sqrt(2 ln(1/delta) / (n s^2))
    is staked, s^2 being the mean square of mean - value. Aimed at what is hardest to prove, it is proven soonest.
    """
    square = float(np.mean((mean - _checked(values)) ** 2)) if len(values) else 0.0
    square = max(square, mean**2, 1e-6)
    stake = math.sqrt(2 * math.log(1 / delta) / (max(1, cases) * square))
    return Mixture(stake * (1 - mean))


def _log_factors(values: Values, mean: float, mixture: Mixture) -> Values:
    """By fraction and value the logarithm of what the capital is multiplied with."""
    stakes = mixture.fractions / (1 - mean)  # a value of 1 takes the whole stake
    factors = 1 + stakes[:, None] * (mean - values)
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(factors, 0.0))


def _log_sum(logs: Values) -> Values:
    top = np.max(logs, axis=0)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        summed: Values = top + np.log(np.exp(logs - top).sum(axis=0))
    return summed


def _halved(values: Values, enough: float, mixture: Mixture) -> float:
    low, high = -1.0, 1.0 - 1e-9
    different, counts = np.unique(values, return_counts=True)
    if not len(values) or _log_capital(different, counts, high, mixture) < enough:
        return 1.0
    for _ in range(_PRECISION):
        middle = (low + high) / 2
        if _log_capital(different, counts, middle, mixture) >= enough:
            high = middle
        else:
            low = middle
    return high


def _checked(values: Values) -> Values:
    values = np.asarray(values, np.float64)
    if len(values) and not (np.abs(values) <= 1).all():
        raise ValueError("values lie in [-1, 1]")
    return values
