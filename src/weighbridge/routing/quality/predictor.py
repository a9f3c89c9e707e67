"""What each arm is predicted to lose on a request, how long the answers will be, and how strange the request is.

A predictor is arrays and is kept as such (an .npz archive without pickles). It is fitted by switch.learning; the
gateway loads it with its certificate. It needs numpy (the extra `switch`), so nothing that every install loads may
import this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final
from zipfile import BadZipFile, is_zipfile

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.encoders import encoder
from weighbridge.routing.quality.features import Floats
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.members import Clusters, Kernel, Linear, Neighbours, Routes, Space
from weighbridge.routing.quality.reader import Reader, block

VERSION: Final = 1
"""Of the archive's shape and of the hashes; one of another version cannot be read."""
Arrays = Mapping[str, npt.NDArray[np.generic]]


class PredictorUnreadableError(ValueError):
    """What was kept as a predictor is none, or of another release: fit it anew."""


@dataclass(slots=True)
class _Last:
    """What was foreseen last: its losses, tokens and novelty are asked one after another."""

    seen: tuple[Look, str | None, Sequence[float], Sequence[float], float] | None = None


@dataclass(frozen=True, slots=True)
class Predictor:
    """A blend of simple predictors of the same losses; see `losses`, `tokens`, `novelty`."""

    arms: tuple[str, ...]
    """Their ids, as the losses are counted."""
    reader: Reader
    mean: Floats
    """Losses of all that was seen."""
    routes: Routes
    clusters: Clusters
    linear: Linear
    kernels: tuple[Kernel, ...]
    neighbours: Neighbours
    blend: Floats
    """Weights of: routes, clusters, linear, kernels, neighbours."""
    share: Floats
    """Arms x arms: how much of each arm's blend is told by the others'."""
    length: Linear
    """Of log1p(tokens), of the reference and of the arms."""
    stretch: Floats
    """What the exponential of a mean logarithm is multiplied with to be a mean."""
    _last: _Last = field(default_factory=_Last, repr=False, compare=False)

    def losses(self, look: Look, route: str | None = None) -> Sequence[float]:
        """The reference's quality less the arm's, by arm, as predicted: at most 1, below 0 where the arm is better."""
        return self._see(look, route)[0]

    def tokens(self, look: Look) -> Sequence[float]:
        """Expected tokens of the answer: the reference's, then each arm's."""
        return self._see(look)[1]

    def novelty(self, look: Look) -> float:
        """Mean squared distance to the five nearest of what it was fitted on: bigger is stranger."""
        return self._see(look)[2]

    def forget(self) -> None:
        """Foresee the next request anew, even if it is the last one again."""
        self._last.seen = None

    def _see(self, look: Look, route: str | None = None) -> tuple[Sequence[float], Sequence[float], float]:
        last = self._last.seen
        if last is not None and last[0] is look and route in (None, last[1]):
            return last[2:]
        rows = self.reader.read(look)[None]
        losses, novelty = self.of_rows(rows, route)
        seen = look, route, losses[0].tolist(), self.tokens_of_rows(rows)[0].tolist(), float(novelty[0])
        self._last.seen = seen
        return seen[2:]

    def of_rows(self, rows: Floats, route: str | None = None) -> tuple[Floats, Floats]:
        """Losses (rows x arms) and novelty of vectors that its reader read."""
        opinions, novelty = self.opinions(rows, route)
        opinions -= self.mean
        blended: Floats = (self.blend @ opinions.reshape(len(opinions), -1)).reshape(opinions.shape[1:])
        return self.mean + blended @ self.share, novelty

    def opinions(self, rows: Floats, route: str | None = None) -> tuple[Floats, Floats]:
        """What each part of the blend says: parts x rows x arms; and the novelty."""
        places = [kernel.space.place(rows) for kernel in self.kernels]
        apart = [kernel.apart(place) for kernel, place in zip(self.kernels, places, strict=True)]
        near, novelty = self.neighbours.look(apart[-1])
        kernels = [kernel.predict(each) for kernel, each in zip(self.kernels, apart, strict=True)]
        first = [self.routes.predict(route, len(rows)), self.clusters.predict(places[-1]), self.linear.predict(rows)]
        said: Floats = np.array([*first, *kernels, near], np.float32)
        return said, novelty

    def tokens_of_rows(self, rows: Floats) -> Floats:
        """Expected tokens: rows x (reference, arms)."""
        return np.maximum(np.expm1(np.minimum(self.length.predict(rows), 14)), 0) * self.stretch

    def save(self) -> bytes:
        """As `load` reads it."""
        out = BytesIO()
        np.savez(out, allow_pickle=False, **self._arrays())
        return out.getvalue()

    def _arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        kept: dict[str, npt.NDArray[np.generic]] = {
            "version": np.array(VERSION),
            "arms": np.array(self.arms, np.str_),
            "mean": self.mean,
            "routes.names": np.array(self.routes.names, np.str_),
            "routes.table": self.routes.table,
            "clusters.centres": self.clusters.centres,
            "clusters.table": self.clusters.table,
            "linear.weights": self.linear.weights,
            "linear.bias": self.linear.bias,
            "kernels": np.array([kernel.space.scales for kernel in self.kernels]),
            "neighbours.losses": self.neighbours.losses,
            "neighbours.drawn": np.array([self.neighbours.count, self.neighbours.drawn]),
            "blend": self.blend,
            "share": self.share,
            "length.weights": self.length.weights,
            "length.bias": self.length.bias,
            "stretch": self.stretch,
            **self.reader.arrays(),
        }
        for at, kernel in enumerate(self.kernels):
            kept |= {f"kernel{at}.landmarks": kernel.landmarks}
            kept |= {f"kernel{at}.weights": kernel.weights, f"kernel{at}.bias": kernel.bias}
        return kept


def load(blob: bytes) -> Predictor:
    """The one that was kept.

    Raises PredictorUnreadableError: it is none, or another release's; EncoderMissingError: its encoder is not
    installed.
    """
    if not is_zipfile(BytesIO(blob)):
        raise PredictorUnreadableError("this is no predictor: fit it anew")
    try:
        with np.load(BytesIO(blob), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        version = int(arrays["version"])
    except (BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
        raise PredictorUnreadableError("this is no predictor: fit it anew") from error
    if version != VERSION:
        raise PredictorUnreadableError(f"a predictor of version {version}, where {VERSION} is read: fit it anew")
    return _made(arrays)


def _made(arrays: Arrays) -> Predictor:
    name = str(arrays["encoder"])
    reader = Reader(
        block(arrays, "words"),
        block(arrays, "characters"),
        _floats(arrays["figures.centre"]),
        _floats(arrays["figures.spread"]),
        encoder(name) if name else None,
    )
    kernels = tuple(_kernel(arrays, at, reader) for at in range(len(arrays["kernels"])))
    mean = _floats(arrays["mean"])
    centres = _floats(arrays["clusters.centres"])
    count, drawn = arrays["neighbours.drawn"].astype(np.float64)
    return Predictor(
        arms=tuple(map(str, arrays["arms"])),
        reader=reader,
        mean=mean,
        routes=Routes(tuple(map(str, arrays["routes.names"])), _floats(arrays["routes.table"]), mean),
        clusters=Clusters(centres, squares(centres), _floats(arrays["clusters.table"])),
        linear=Linear(_floats(arrays["linear.weights"]), _floats(arrays["linear.bias"])),
        kernels=kernels,
        neighbours=Neighbours.of(_floats(arrays["neighbours.losses"]), int(count), float(drawn), mean),
        blend=_floats(arrays["blend"]),
        share=_floats(arrays["share"]),
        length=Linear(_floats(arrays["length.weights"]), _floats(arrays["length.bias"])),
        stretch=_floats(arrays["stretch"]),
    )


def _kernel(arrays: Arrays, at: int, reader: Reader) -> Kernel:
    words, characters, plain, encoding = (float(scale) for scale in arrays["kernels"][at].astype(np.float64))
    landmarks = _floats(arrays[f"kernel{at}.landmarks"])
    return Kernel(
        Space((words, characters, plain, encoding), reader.widths),
        landmarks,
        squares(landmarks),
        _floats(arrays[f"kernel{at}.weights"]),
        _floats(arrays[f"kernel{at}.bias"]),
    )


def squares(rows: Floats) -> Floats:
    """Squared lengths of rows."""
    lengths: Floats = np.einsum("ij,ij->i", rows, rows)
    return lengths


def _floats(array: npt.NDArray[np.generic]) -> Floats:
    return np.ascontiguousarray(array, np.float32)
