"""Worlds in which a promise is just broken, and just kept: losses of a known mean."""

from collections.abc import Iterator

import numpy as np

from weighbridge.switch.evidence.betting import Values

WORLDS = 1000


def losses(kind: str, mean: float, cases: int, seed: int) -> Iterator[Values]:
    """For each world so many losses of this mean: all alike, rare harms, harms and gains, spread out, or in turns."""
    rng = np.random.default_rng(seed)
    for _ in range(WORLDS):
        if kind == "harms":
            yield (rng.random(cases) < mean).astype(float)
        elif kind == "gains":
            drawn = rng.random(cases)
            yield (drawn < 0.1 + mean).astype(float) - (drawn > 0.9)
        elif kind == "spread":
            yield np.clip(rng.beta(2 * (1 + mean), 2 * (1 - mean), cases) * 2 - 1, -1, 1)
        elif kind == "turns":  # no two cases are alike, and each has this mean given those before
            drift = np.where(np.arange(cases) % 7 < 3, 0.9, 0.05)
            yield mean + (rng.random(cases) * 2 - 1) * np.minimum(drift, 1 - abs(mean))
        else:
            raise AssertionError(kind)


KINDS = ("harms", "gains", "spread", "turns")


def most(delta: float, worlds: int = WORLDS) -> int:
    """As many worlds may be wrong where each is with a chance of delta: the promise and two standard errors."""
    return int(worlds * delta + 2 * (worlds * delta * (1 - delta)) ** 0.5)
