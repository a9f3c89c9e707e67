"""How often something happens, from a count out of so many: exact bounds, for a number of cases that was fixed.

Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial, Biometrika 26
(1934). Who looks again and again takes betting.upper of zeros and ones instead.
"""

import math
from collections.abc import Callable
from typing import Final

_PRECISION: Final = 60


def upper(count: int, cases: int, delta: float) -> float:
    """The rate is not above this, but with a chance of `delta`. Raises ValueError for a count that cannot be."""
    if not 0 <= count <= cases:
        raise ValueError(f"{count} of {cases}")
    if count == cases:
        return 1.0
    return _halved(lambda rate: _at_most(count, cases, rate) > delta)


def lower(count: int, cases: int, delta: float) -> float:
    """The rate is not below this, likewise."""
    return 1 - upper(cases - count, cases, delta)


def interval(count: int, cases: int, delta: float) -> tuple[float, float]:
    """Where the rate lies, but with a chance of `delta`."""
    return lower(count, cases, delta / 2), upper(count, cases, delta / 2)


def _at_most(count: int, cases: int, rate: float) -> float:
    """The chance of so many or fewer."""
    if rate <= 0:
        return 1.0
    if rate >= 1:
        return float(count >= cases)
    log_rate, log_rest, whole = math.log(rate), math.log1p(-rate), math.lgamma(cases + 1)
    logs = (
        whole - math.lgamma(k + 1) - math.lgamma(cases - k + 1) + k * log_rate + (cases - k) * log_rest
        for k in range(count + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def _halved(too_low: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_PRECISION):
        middle = (low + high) / 2
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return high
