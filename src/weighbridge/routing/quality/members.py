"""The simple predictors that are blended: each says what each arm would lose on a request, from the request's vector.

All are arrays and arithmetic on them; they are fitted in switch.learning. Losses are the reference's quality less the
arm's. Shapes: rows are requests, columns are arms.
"""

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.features import Floats

Scales = tuple[float, float, float, float]
"""How much nearness in each part of a vector counts: words, characters, figures, encoding; 0: not looked at."""
Widths = tuple[int, int, int, int]
Columns = npt.NDArray[np.intp]
_FIGURES: Final = 2
_TINY, _HUGE = 1e-9, 2.0**60
_MINUS_TWO: Final = np.float32(-2)


@dataclass(frozen=True, slots=True)
class Space:
    """Where requests lie near one another: the parts of their vectors, of length 1 where they are texts, scaled."""

    scales: Scales
    widths: Widths

    def place(self, rows: Floats) -> Floats:
        """Coordinates, in rows; squared distances are sums over the parts."""
        plan = _plan(self.scales, self.widths)
        seen = rows if plan.columns is None else rows.take(plan.columns, axis=1)
        lengths: Floats = np.add.reduceat(seen * seen, plan.begins, axis=1)
        factors: Floats = np.divide(plan.scales, np.maximum(np.sqrt(lengths), plan.least), dtype=np.float32)
        placed: Floats = seen * factors.take(plan.part, axis=1)
        return placed


class _Plan(NamedTuple):
    """What is done to a vector's columns in a space: arrays by part, of those that are looked at."""

    columns: Columns | None
    """Which these are; None: all."""
    begins: Columns
    part: Columns
    """By column."""
    scales: Floats
    least: Floats
    """What a part is divided by at least: a text's length, while the figures stay as they are."""


@cache
def _plan(scales: Scales, widths: Widths) -> _Plan:
    seen = [at for at, (scale, width) in enumerate(zip(scales, widths, strict=True)) if scale and width]
    ends = np.cumsum(widths)
    columns = np.concatenate([np.arange(ends[at] - widths[at], ends[at]) for at in seen])
    own = [widths[at] for at in seen]
    factors = [sqrt(scales[at]) * (_HUGE if at == _FIGURES else 1.0) for at in seen]
    least = [_HUGE if at == _FIGURES else _TINY for at in seen]
    return _Plan(
        None if len(columns) == sum(widths) else columns,
        np.cumsum([0, *own[:-1]]),
        np.repeat(np.arange(len(own)), own),
        np.array(factors, np.float32),
        np.array(least, np.float32),
    )


def distances(places: Floats, others: Floats, squares: Floats) -> Floats:
    """Squared, of each to each; `squares` are the others' squared lengths."""
    apart: Floats = places @ others.T
    apart *= _MINUS_TWO
    apart += squares
    apart += np.einsum("ij,ij->i", places, places)[:, None]
    return np.maximum(apart, 0, out=apart)


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of the vector."""

    weights: Floats
    bias: Floats

    def predict(self, rows: Floats) -> Floats:
        return rows @ self.weights + self.bias


@dataclass(frozen=True, slots=True)
class Kernel:
    """A weighted sum of nearness to landmarks, each exp(-squared distance)."""

    space: Space
    landmarks: Floats
    squares: Floats
    weights: Floats
    bias: Floats

    def apart(self, places: Floats) -> Floats:
        """Squared distances of places to the landmarks."""
        return distances(places, self.landmarks, self.squares)

    def predict(self, apart: Floats) -> Floats:
        """By what `apart` says."""
        return np.exp(-apart) @ self.weights + self.bias


@dataclass(frozen=True, slots=True)
class Clusters:
    """The mean of the cluster, drawn towards the mean of all."""

    centres: Floats
    squares: Floats
    table: Floats

    def nearest(self, places: Floats) -> npt.NDArray[np.intp]:
        # Their squared distances, but for the places' own lengths, which are the same to all.
        nearest: npt.NDArray[np.intp] = (self.squares + _MINUS_TWO * (places @ self.centres.T)).argmin(axis=1)
        return nearest

    def predict(self, places: Floats) -> Floats:
        return self.table[self.nearest(places)]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The mean of the nearest landmarks, drawn towards the mean of all; and how far off they are."""

    losses: Floats
    """Of the landmarks' requests; nan where an arm was not seen."""
    count: int
    drawn: float
    """As many requests with the mean of all are added to them."""
    mean: Floats
    gaps: bool
    """Whether an arm was not seen on some request."""

    @classmethod
    def of(cls, losses: Floats, count: int, drawn: float, mean: Floats) -> "Neighbours":
        return cls(losses, count, drawn, mean, bool(np.isnan(losses).any()))

    def look(self, apart: Floats) -> tuple[Floats, Floats]:
        """What they lost, and the mean squared distance of the five nearest; from distances to all landmarks."""
        count = min(self.count, apart.shape[1])
        five = min(5, count)
        near = apart.argpartition(count - 1, axis=1)[:, :count]
        closest = np.take_along_axis(apart, near, 1) if len(apart) > 1 else apart.take(near)
        closest.partition(five - 1, axis=1)
        nearest = closest[:, :five].sum(axis=1) / np.float32(five)
        losses = self.losses.take(near, axis=0)
        if not self.gaps:
            return (losses.sum(axis=1) + self.drawn * self.mean) / np.float32(count + self.drawn), nearest
        seen = ~np.isnan(losses)
        total = np.where(seen, losses, 0).sum(axis=1) + self.drawn * self.mean
        return total / (seen.sum(axis=1) + self.drawn), nearest


@dataclass(frozen=True, slots=True)
class Routes:
    """The mean of the route, drawn towards the mean of all; of a route that was not seen, the mean of all."""

    names: tuple[str, ...]
    table: Floats
    mean: Floats

    def predict(self, route: str | None, rows: int) -> Floats:
        row = self.table[self.names.index(route)] if route in self.names else self.mean
        return row[None].repeat(rows, axis=0)
