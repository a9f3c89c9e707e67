"""From replays to a predictor: what each arm loses against the reference, request by request.

The target is the paired difference of qualities, not whether the arm fails: where both fail, the reference's price is
wasted. Opinions, from coarse to fine: the mean of the route, of the cluster; a ridge regression on principal
directions of hashed n-grams, plain figures and an encoding; kernel ridge regressions on nearness; nearest neighbours.
Each is drawn towards the mean of all, for the least of many noisy predictions is low by luck. They are blended by
non-negative least squares on predictions for requests that they had not seen.

What is learnt is kept as sums (moments.py, learner.py). `update` adds requests to them: the predictor is then the one
that all requests at once would have given, with the reader, landmarks, clusters, penalties and blend held; these are
chosen anew by the next `learn`. What is not chosen from the requests themselves is a constant below, fixed once for all
tables of bench/router on splits that its figures are not taken from.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.features import Floats
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.members import Neighbours, Scales, Space
from weighbridge.routing.quality.predictor import Predictor
from weighbridge.routing.quality.reader import Reader
from weighbridge.switch.learning.blending import blend, shared
from weighbridge.switch.learning.grouping import centres
from weighbridge.switch.learning.learner import DRAWN, LENGTH_PENALTY, NEAR, Cell, Frame, Learner, Sums
from weighbridge.switch.learning.moments import Moments
from weighbridge.switch.learning.reading import reader_of

FEWEST: Final = 10
FOLDS: Final = 5
LANDMARKS: Final = 768
CLUSTERS: Final = 32
REQUESTS_A_CLUSTER: Final = 25
"""Fewer clusters where there would be fewer requests in each."""
PENALTIES: Final = (3.0, 10.0, 30.0)
"""Of which each regression takes the one that foretells best."""
PRIOR: Final = 1000.0
"""Requests that the usual blend is worth: see blending.py."""
USUAL: Final = 1.2
"""The sum of its weights, all alike: each part is drawn towards the mean more than their blend need be."""
TEXT: Final[Scales] = (0.75, 0.25, 0.3, 0.0)
MEANING: Final[Scales] = (0.5, 0.0, 0.2, 2.0)
"""Where an encoder reads along."""


class _Fold(NamedTuple):
    """Requests that are held back, and the sums of the others."""

    held: Cell
    left: Sums


class TooFewError(ValueError):
    """There is too little to learn from: replay more requests, or leave out the arm that is named."""


def fit(
    looks: Sequence[Look],
    losses: Floats,
    arms: Sequence[str],
    *,
    tokens: Floats | None = None,
    routes: Sequence[str] | None = None,
    encoder: Encoder | None = None,
    seed: int = 0,
) -> Predictor:
    """The predictor for good; arguments and errors as of `learn`."""
    return learn(looks, losses, arms, tokens=tokens, routes=routes, encoder=encoder, seed=seed).predictor()


def learn(
    looks: Sequence[Look],
    losses: Floats,
    arms: Sequence[str],
    *,
    tokens: Floats | None = None,
    routes: Sequence[str] | None = None,
    encoder: Encoder | None = None,
    seed: int = 0,
) -> Learner:
    """What is to be learnt from replays.

    Args:
        looks: the requests.
        losses: requests x arms, the reference's quality less the arm's, in [-1, 1]; nan: not seen.
        arms: their ids.
        tokens: of the answers, requests x (reference, arms); nan: not seen. Without, each is foretold to be 1.
        routes: the fingerprint of each request.
        encoder: see routing.quality.encoders; without, n-grams and plain figures decide.
        seed: of the folds, landmarks and clusters.

    Raises TooFewError: fewer than ten requests, or an arm that was never seen; ValueError: shapes that do not go
    together, or losses beyond [-1, 1].
    """
    _check(losses, arms, len(looks))
    reader = reader_of(looks, encoder, seed)
    return learn_rows(reader, reader.read_all(looks), losses, arms, tokens=tokens, routes=routes, seed=seed)


def learn_rows(
    reader: Reader,
    rows: Floats,
    losses: Floats,
    arms: Sequence[str],
    *,
    tokens: Floats | None = None,
    routes: Sequence[str] | None = None,
    seed: int = 0,
) -> Learner:
    """The same from vectors that the reader read."""
    _check(losses, arms, len(rows))
    losses = losses.astype(np.float32)
    frame, marks = _frame(reader, rows, losses, seed)
    names = sorted(set(routes or ()))
    at = {name: place for place, name in enumerate(names)}
    cells = np.array([len(names)] * len(rows) if routes is None else [at[name] for name in routes], np.intp)
    order = np.random.default_rng(seed).permutation(len(rows))
    folds = [np.sort(order[fold::FOLDS]) for fold in range(FOLDS)]
    parts = [frame.sum(rows[fold], losses[fold], cells[fold], len(names)) for fold in folds]
    sums = frame.sums(len(arms), len(names))
    for part in parts:
        sums.join(part)
    cross = [_Fold(held, sums.without(part)) for held, part in zip(folds, parts, strict=True)]
    penalties = _penalties(frame, rows, losses, cross)
    unseen = _unseen(frame, rows, cells, cross, marks=marks, penalties=penalties)
    many = len(unseen) - 1
    usual = np.array([0.0, *[USUAL / many] * many])  # a route's mean counts where it is seen to
    weights = blend(unseen, losses - np.nanmean(losses, axis=0), usual, PRIOR)
    length, stretch = _length(rows, tokens, len(arms))
    return Learner(
        arms=tuple(arms),
        frame=frame,
        routes=names,
        sums=sums,
        length=length,
        stretch=stretch,
        penalties=penalties,
        blend=weights.astype(np.float32),
        share=shared(np.tensordot(weights, unseen, 1)),
    )


def _check(losses: Floats, arms: Sequence[str], requests: int) -> None:
    if losses.shape != (requests, len(arms)):
        raise ValueError(f"losses are {losses.shape}, not {requests} requests x {len(arms)} arms")
    if requests < FEWEST:
        raise TooFewError(f"{requests} requests are too few to learn from: at least {FEWEST}")
    for arm, count in zip(arms, (~np.isnan(losses)).sum(axis=0), strict=True):
        if not count:
            raise TooFewError(f"{arm} was seen on no request: leave it out, or replay it")
    if np.nanmax(np.abs(losses)) > 1:
        raise ValueError("a loss is beyond [-1, 1]")


def _frame(reader: Reader, rows: Floats, losses: Floats, seed: int) -> tuple[Frame, Cell]:
    """The frame, and which of the requests are its landmarks."""
    scales = [TEXT] if reader.encoder is None else [TEXT, MEANING]
    spaces = tuple(Space(each, reader.widths) for each in scales)
    marks = np.sort(np.random.default_rng(seed + 1).permutation(len(rows))[:LANDMARKS])
    count = max(1, min(CLUSTERS, len(rows) // REQUESTS_A_CLUSTER))
    frame = Frame(
        reader,
        spaces,
        tuple(space.place(rows[marks]) for space in spaces),
        losses[marks],
        centres(spaces[-1].place(rows), count, seed + 2),
    )
    return frame, marks


def _penalties(frame: Frame, rows: Floats, losses: Floats, cross: Sequence[_Fold]) -> tuple[float, ...]:
    """For each regression the penalty that foretells best what it has not seen."""

    def errors(part: int) -> Iterator[float]:
        for penalty in PENALTIES:
            missed = 0.0
            for fold, left in cross:
                if part == 0:
                    foretold = frame.linear(left, penalty).predict(rows[fold])
                else:
                    kernel = frame.kernel(left, part - 1, penalty)
                    foretold = kernel.predict(kernel.apart(kernel.space.place(rows[fold])))
                missed += float(np.nansum((foretold - losses[fold]) ** 2))
            yield missed

    return tuple(PENALTIES[int(np.argmin(list(errors(part))))] for part in range(1 + len(frame.spaces)))


def _unseen(
    frame: Frame, rows: Floats, cells: Cell, cross: Sequence[_Fold], *, marks: Cell, penalties: Sequence[float]
) -> Floats:
    """What each part says of requests that it has not seen, less the mean: parts x requests x arms."""
    said = np.zeros((4 + len(frame.spaces), len(rows), frame.known.shape[1]), np.float32)
    places = [space.place(rows) for space in frame.spaces]
    for held, left in cross:
        mean, routes, clusters, linear, kernels = frame.opinions(left, penalties, [])
        table = np.concatenate([routes.table, mean[None]])
        apart = [kernel.apart(place[held]) for kernel, place in zip(kernels, places, strict=True)]
        others = np.flatnonzero(~np.isin(marks, held))
        near = Neighbours.of(frame.known[others], NEAR, DRAWN, mean).look(apart[-1][:, others])[0]
        parts = [table[cells[held]], clusters.predict(places[-1][held]), linear.predict(rows[held])]
        parts += [kernel.predict(each) for kernel, each in zip(kernels, apart, strict=True)]
        said[:, held] = np.stack([*parts, near]) - mean
    return said


def _length(rows: Floats, tokens: Floats | None, arms: int) -> tuple[Moments, Floats]:
    """Moments of log1p(tokens), and what makes the exponential of the mean a mean."""
    known = np.ones((len(rows), arms + 1)) if tokens is None else np.asarray(tokens, np.float64)
    if known.shape != (len(rows), arms + 1):
        raise ValueError(f"tokens are {known.shape}, not {len(rows)} requests x (reference, {arms} arms)")
    # An answer whose length nobody saw is taken to be as long as the others'.
    each = np.nanmean(known, axis=1, keepdims=True) if np.isnan(known).any() else known
    filled = np.where(np.isnan(known).all(axis=0), each, known)
    moments = Moments(rows.shape[1], arms + 1)
    moments.add(rows, np.log1p(filled))
    weights, bias = moments.solve(np.ones(rows.shape[1]), LENGTH_PENALTY)
    foretold = np.where(np.isnan(filled), np.nan, np.expm1(rows @ weights + bias))
    return moments, (np.nanmean(filled, axis=0) / np.maximum(np.nanmean(foretold, axis=0), 1e-9)).astype(np.float32)
