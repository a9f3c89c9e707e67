"""How a promise's chance of being wrong is shared out: over routes tested together, and over tests of the same one.

The shares of a route's tests add up to the route's whole, however many follow, so that a promise issued anew counts
those before it. Bonferroni; the series is that of Robbins (1970): 6 / (pi n)^2 adds up to 1.
"""

import math


def share(delta: float, *, routes: int = 1, issue: int = 1) -> float:
    """What the `issue`-th test (from 1) of one of so many routes may take of `delta`."""
    if routes < 1 or issue < 1:
        raise ValueError("routes and issues are counted from 1")
    return delta / routes * 6 / (math.pi * issue) ** 2 if issue > 1 else delta / routes * 6 / math.pi**2


def single(delta: float, *, routes: int = 1) -> float:
    """The same where each route is tested once only."""
    if routes < 1:
        raise ValueError("routes are counted from 1")
    return delta / routes
