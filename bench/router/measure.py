"""The figures of a table: for each contender the mean over splits, the whole knob tried on rows not learnt from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.router.curves import Frontier, area, calls, saved
from bench.router.data import Floats
from bench.router.splits import Board, Rows, by_words, expected_costs, learnt, told_the_task
from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.worth import taken

Figures = Mapping[str, float]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """Over splits."""

    mean: float
    spread: float
    """Standard deviation."""


KNOBS: Final = (-np.inf, *-np.geomspace(1, 1e-3, 50), 0.0, *np.geomspace(1e-3, 30, 100), np.inf)
"""Places of tau."""
SHARES: Final = (0.95, 0.99, 1.0)
LEARNED: Final = "learned, no encoder"
ENCODED: Final = "learned, multilingual encoder"


def frontier(board: Board, test: Rows, losses: Floats, costs: Floats, usual: float) -> Frontier:
    """Mean true cost and quality at each place of the knob, decided as the gateway decides.

    `usual` is what the reference cost in the mean of the rows learnt from.
    """
    quality, cost = board.table.quality[test], board.table.cost[test]
    each = np.arange(len(test))
    points = []
    for tau in KNOBS:
        model = taken(losses, costs, tau, usual) + 1
        points.append((cost[each, model].mean(), quality[each, model].mean()))
    return Frontier(*np.array(points).T)


def knob_for(board: Board, rows: Rows, losses: Floats, costs: Floats, *, usual: float, allowed: float) -> float:
    """The place of the knob that saves most on `rows` of those that lose at most so much there."""
    best, least = -np.inf, float(board.table.cost[rows, 0].mean())
    for tau in KNOBS:
        arm = taken(losses, costs, tau, usual)
        lost = np.where(arm >= 0, board.losses[rows, np.maximum(arm, 0)], 0.0).mean()
        paid = float(board.table.cost[rows, arm + 1].mean())
        if lost <= allowed and paid < least:
            best, least = tau, paid
    return float(best)


def figures(board: Board, test: Rows, losses: Floats, costs: Floats, usual: float) -> Figures:
    """What is promised and printed, of predicted losses."""
    quality, cost = board.table.quality[test], board.table.cost[test]
    if board.spec.pair:
        found = calls(losses[:, 0], quality[:, 1], quality[:, 0])
        return {"APGR": found.apgr, "CPT50": found.half, "CPT80": found.most}
    return of_frontier(frontier(board, test, losses, costs, usual), quality.mean(axis=0), cost.mean(axis=0))


def of_frontier(curve: Frontier, quality: Floats, cost: Floats) -> Figures:
    """AIQ, and what is saved, in percent, at shares of the reference's quality; means by model, the reference first."""
    found = {"AIQ": area(curve, float(cost.min()), float(cost[0]))} if len(curve.cost) > 1 else {}
    for share in SHARES:
        found[f"saved at {share:.0%}".replace("%", " %")] = 100 * saved(curve, share, float(cost[0]), float(quality[0]))
    return found


def split_figures(board: Board, seed: int, encoder: Encoder | None) -> Mapping[str, Figures]:
    """Of one split, by contender."""
    train, test = board.split(seed)
    predictors = {LEARNED: learnt(board, train, None, seed)}
    if encoder is not None:
        predictors[ENCODED] = learnt(board, train, encoder, seed)
    looks = [board.looks[row] for row in test]
    losses: dict[str, Floats] = {}
    costs: Floats | None = None
    for name, predictor in predictors.items():
        vectors = predictor.reader.read_all(looks)
        losses[name] = predictor.of_rows(vectors)[0].astype(np.float64)
        costs = expected_costs(board, predictor, vectors, train, test) if costs is None else costs
    assert costs is not None
    usual = board.usual(train)
    random = np.random.default_rng(seed)
    rivals = {
        "random": random.uniform(-1, 1, (len(test), len(board.table.models) - 1)),
        **({"task-mean, told the task": told_the_task(board, train, test)} if board.told else {}),
        **by_words(board, predictors[LEARNED], train, test),
    }
    found = {name: figures(board, test, each, costs, usual) for name, each in {**rivals, **losses}.items()}
    found |= _without_learning(board, test)
    tiny = 1e-6 * random.random((len(test), 1))  # the quantiles of a score want no ties
    found["oracle"] = figures(board, test, board.losses[test] + tiny, board.table.cost[test], usual)
    return found


def _without_learning(board: Board, test: Rows) -> Mapping[str, Figures]:
    quality, cost = board.table.quality[test].mean(axis=0), board.table.cost[test].mean(axis=0)
    if board.spec.pair:
        return {}
    best = int(np.argmax(quality * (cost <= cost[0])))
    return {
        "always the reference": of_frontier(Frontier(cost[:1], quality[:1]), quality, cost),
        f"best single, {board.table.models[best]}": of_frontier(Frontier(cost[[best]], quality[[best]]), quality, cost),
        "hull of single models (zero-router)": of_frontier(Frontier(cost, quality), quality, cost),
    }


def over_splits(
    board: Board, seeds: Sequence[int], encoder: Encoder | None, say: Say
) -> Mapping[str, Mapping[str, Figure]]:
    """Over splits, by contender."""
    every: list[Mapping[str, Figures]] = []
    for seed in seeds:
        every.append(split_figures(board, seed, encoder))
        say(f"{board.spec.name}: split {len(every)} of {len(seeds)}")
    names = list(dict.fromkeys(name for each in every for name in each))
    return {name: _summary([each[name] for each in every if name in each]) for name in names}


def _summary(rows: Sequence[Figures]) -> Mapping[str, Figure]:
    spread = 1 if len(rows) > 1 else 0
    return {
        name: Figure(
            float(np.mean([row[name] for row in rows])), float(np.std([row[name] for row in rows], ddof=spread))
        )
        for name in rows[0]
    }
