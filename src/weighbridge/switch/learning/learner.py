"""A predictor in the making: sums over the requests so far, from which its parts follow exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.features import Floats
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.members import Clusters, Kernel, Linear, Neighbours, Routes, Space, distances
from weighbridge.routing.quality.predictor import Predictor, squares
from weighbridge.routing.quality.reader import Reader
from weighbridge.switch.learning.moments import Cells, Doubles, Moments

NEAR: Final = 50
DRAWN: Final = 20.0
"""So many requests with the mean of all are added to a route's, a cluster's, a neighbourhood's."""
LENGTH_PENALTY: Final = 3.0
Cell = npt.NDArray[np.intp]


@dataclass(slots=True)
class Sums:
    """All that the opinions follow from, of some requests."""

    all: Cells
    routes: Cells
    """The last cell is of requests without a route."""
    clusters: Cells
    linear: Moments
    kernels: list[Moments]

    def without(self, other: "Sums") -> "Sums":
        """What is left when the other's requests, which are among these, are taken out."""
        return Sums(
            self.all.without(other.all),
            self.routes.without(other.routes),
            self.clusters.without(other.clusters),
            self.linear.without(other.linear),
            [mine.without(its) for mine, its in zip(self.kernels, other.kernels, strict=True)],
        )

    def join(self, other: "Sums") -> None:
        """Take the other's requests in too."""
        self.all.join(other.all)
        self.routes.join(other.routes)
        self.clusters.join(other.clusters)
        self.linear.join(other.linear)
        for mine, its in zip(self.kernels, other.kernels, strict=True):
            mine.join(its)


class Opinions(NamedTuple):
    """The parts of a predictor that follow from sums."""

    mean: Floats
    routes: Routes
    clusters: Clusters
    linear: Linear
    kernels: tuple[Kernel, ...]


@dataclass(slots=True)
class Frame:
    """What is chosen once and then held: where requests lie, and what they are held against."""

    reader: Reader
    spaces: tuple[Space, ...]
    landmarks: tuple[Floats, ...]
    """Places, by space."""
    known: Floats
    """Losses of the landmarks' requests, by which neighbours go."""
    centres: Floats
    """Of the clusters, in the last space."""

    def sums(self, arms: int, routes: int) -> Sums:
        """Of no request."""
        return Sums(
            Cells.empty(1, arms),
            Cells.empty(routes + 1, arms),
            Cells.empty(len(self.centres), arms),
            Moments(sum(self.reader.widths), arms),
            [Moments(len(marks), arms) for marks in self.landmarks],
        )

    def sum(self, rows: Floats, losses: Floats, cells: Cell, routes: int) -> Sums:
        """Of these requests; `cells` says which of the routes each is of."""
        sums = self.sums(losses.shape[1], routes)
        places = [space.place(rows) for space in self.spaces]
        sums.all.add(np.zeros(len(rows), np.intp), losses)
        sums.routes.add(cells, losses)
        sums.clusters.add(distances(places[-1], self.centres, squares(self.centres)).argmin(axis=1), losses)
        sums.linear.add(rows, losses)
        for moments, place, marks in zip(sums.kernels, places, self.landmarks, strict=True):
            moments.add(nearness(place, marks), losses)
        return sums

    def opinions(self, sums: Sums, penalties: Sequence[float], routes: Sequence[str]) -> Opinions:
        """What follows from sums, with the penalty of the linear regression and of each kernel's."""
        overall = sums.all.means(0.0, np.zeros(1))[0]
        mean = overall.astype(np.float32)
        kernels = tuple(self.kernel(sums, at, penalty) for at, penalty in enumerate(penalties[1:]))
        table = sums.routes.means(DRAWN, overall)[:-1].astype(np.float32)
        clusters = sums.clusters.means(DRAWN, overall).astype(np.float32)
        return Opinions(
            mean,
            Routes(tuple(routes), table, mean),
            Clusters(self.centres, squares(self.centres), clusters),
            self.linear(sums, penalties[0]),
            kernels,
        )

    def linear(self, sums: Sums, penalty: float) -> Linear:
        return Linear(*_pair(sums.linear.solve(np.ones(sums.linear.width), penalty)))

    def kernel(self, sums: Sums, at: int, penalty: float) -> Kernel:
        marks = self.landmarks[at]
        solved = sums.kernels[at].solve(nearness(marks, marks).astype(np.float64), penalty)
        return Kernel(self.spaces[at], marks, squares(marks), *_pair(solved))


@dataclass(slots=True)
class Learner:
    """Give it more requests with `update`, and take what it knows with `predictor`."""

    arms: tuple[str, ...]
    frame: Frame
    routes: list[str]
    sums: Sums
    length: Moments
    """Of log1p(tokens)."""
    stretch: Floats
    penalties: tuple[float, ...]
    blend: Floats
    share: Floats

    def predictor(self) -> Predictor:
        """What it knows now."""
        opinions = self.frame.opinions(self.sums, self.penalties, self.routes)
        return Predictor(
            arms=self.arms,
            reader=self.frame.reader,
            mean=opinions.mean,
            routes=opinions.routes,
            clusters=opinions.clusters,
            linear=opinions.linear,
            kernels=opinions.kernels,
            neighbours=Neighbours.of(self.frame.known, NEAR, DRAWN, opinions.mean),
            blend=self.blend,
            share=self.share,
            length=Linear(*_pair(self.length.solve(np.ones(self.length.width), LENGTH_PENALTY))),
            stretch=self.stretch,
        )

    def update(
        self,
        looks: Sequence[Look],
        losses: Floats,
        tokens: Floats | None = None,
        routes: Sequence[str] | None = None,
    ) -> None:
        """Learn from more requests; shapes as in `learn`."""
        self.update_rows(self.frame.reader.read_all(looks), losses, tokens, routes)

    def update_rows(
        self, rows: Floats, losses: Floats, tokens: Floats | None = None, routes: Sequence[str] | None = None
    ) -> None:
        """The same for vectors that its reader read."""
        cells = self.cells(routes, len(rows))
        self.sums.join(self.frame.sum(rows, losses, cells, len(self.routes)))
        if tokens is not None:
            self.length.add(rows, np.log1p(tokens))

    def cells(self, routes: Sequence[str] | None, count: int) -> Cell:
        """Which of the routes each request is of; the last is for those without. New routes are entered."""
        if routes is None:
            return np.full(count, len(self.routes), np.intp)
        new = sorted(set(routes) - set(self.routes))
        self.routes += new
        self.sums.routes = self.sums.routes.widened(len(new))
        at = {name: place for place, name in enumerate(self.routes)}
        return np.array([at[name] for name in routes], np.intp)


def nearness(places: Floats, marks: Floats) -> Floats:
    """exp(-squared distance), places x marks."""
    near: Floats = np.exp(-distances(places, marks, squares(marks)))
    return near


def _pair(solved: tuple[Doubles, Doubles]) -> tuple[Floats, Floats]:
    return solved[0].astype(np.float32), solved[1].astype(np.float32)
