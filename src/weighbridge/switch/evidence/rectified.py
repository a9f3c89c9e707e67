"""What a judge's error does to a mean loss: prediction-powered inference.

The mean of what a judge says of many cases is put right by the mean of what it was wrong by on the few whose truth is
known. Its error is bounded as any mean of bounded values is (betting.py), and goes into the promise.

Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Prediction-powered inference, Science 382 (2023).
"""

from dataclasses import dataclass

import numpy as np

from weighbridge.switch.evidence import betting
from weighbridge.switch.evidence.betting import Values


@dataclass(frozen=True, slots=True)
class Error:
    """What a judge's losses are too low by: true less judged."""

    mean: float
    low: float
    high: float
    """With the confidence asked for, the true mean loss is not above the judged one and this."""
    pairs: int


def error(judged: Values, true: Values, delta: float) -> Error:
    """Of cases that were judged and whose truth is known. Raises ValueError where there are none, or they differ."""
    judged, true = np.asarray(judged, np.float64), np.asarray(true, np.float64)
    if judged.shape != true.shape or not len(judged):
        raise ValueError("as many judged losses as true ones, and at least one")
    wrong = (true - judged) / 2  # within [-1, 1]
    low, high = betting.interval(wrong, delta)
    return Error(float(2 * wrong.mean()), 2 * low, 2 * high, len(wrong))


def rectified(judged: Values, of: Error, delta: float) -> tuple[float, float, float]:
    """Mean, lower and upper bound of the true loss, of many judged cases and the judge's error, with `delta` in all.

    The error is to come of half of `delta`, and of other cases.
    """
    low, high = betting.interval(np.asarray(judged, np.float64), delta / 2)
    return float(np.mean(judged)) + of.mean, max(-1.0, low + of.low), min(1.0, high + of.high)
