"""Requests that lie together: k-means, begun from centres far apart."""

from typing import Final

import numpy as np

from weighbridge.routing.quality.features import Floats
from weighbridge.routing.quality.members import distances
from weighbridge.routing.quality.predictor import squares

TURNS: Final = 15


def centres(places: Floats, count: int, seed: int) -> Floats:
    """At most `count` centres of places (rows), the same for the same seed."""
    random = np.random.default_rng(seed)
    count = min(count, len(places))
    found = _apart(places, count, random)
    for _ in range(TURNS):
        nearest = distances(places, found, squares(found)).argmin(axis=1)
        sums = np.zeros_like(found)
        np.add.at(sums, nearest, places)
        many = np.bincount(nearest, minlength=count)[:, None]
        moved = np.where(many > 0, sums / np.maximum(many, 1), found).astype(np.float32)
        if np.allclose(moved, found, atol=1e-6):
            break
        found = moved
    return found


def _apart(places: Floats, count: int, random: np.random.Generator) -> Floats:
    """k-means++: each next one is drawn with a probability by its squared distance to the nearest so far."""
    chosen = [int(random.integers(len(places)))]
    apart = distances(places, places[chosen], squares(places[chosen]))[:, 0]
    while len(chosen) < count:
        total = float(apart.sum())
        weights = apart / total if total > 0 else np.full(len(places), 1 / len(places))
        chosen.append(int(random.choice(len(places), p=weights.astype(np.float64) / weights.astype(np.float64).sum())))
        newest = places[chosen[-1:]]
        apart = np.minimum(apart, distances(places, newest, squares(newest))[:, 0])
    return places[chosen]
