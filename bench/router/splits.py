"""A table cut in two: what is learnt from, and what is measured on; and what each contender foretells of the latter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from bench.router.data import Floats, Table, read
from bench.router.specs import Spec
from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.features import codes, grams
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.predictor import Predictor
from weighbridge.switch.learning.fit import learn

Rows = npt.NDArray[np.intp]
MICRO: Final = 1e6
RIDGE: Final = 10.0
"""The penalty of the n-gram regression; 1 to 30 were tried on other splits."""


@dataclass(frozen=True, slots=True)
class Board:
    """A table as it is played: the reference in the first column, the candidates after it."""

    spec: Spec
    table: Table
    looks: list[Look]
    losses: Floats
    """The reference's quality less each candidate's."""
    tokens: Floats | None
    """What the second head learns: tokens, or where the table has none, micro-dollars."""

    @property
    def counted(self) -> bool:
        """Whether the table says tokens."""
        return bool(np.isfinite(self.table.tokens).all())

    @property
    def told(self) -> bool:
        """Whether it has more than one task."""
        return len(np.unique(self.table.tasks)) > 1

    def usual(self, train: Rows) -> float:
        """What the reference cost in the mean of the rows learnt from."""
        return float(self.table.cost[train, 0].mean())

    def split(self, seed: int) -> tuple[Rows, Rows]:
        """Rows to learn from and rows to measure on."""
        order = np.random.default_rng(seed).permutation(len(self.looks))
        count = int(self.spec.train * len(order)) if self.spec.train < 1 else int(self.spec.train)
        return order[:count], order[count:]


def board(spec: Spec) -> Board:
    """The table of a spec; raises FileNotFoundError where it is not there."""
    table = read(spec.table)
    models = [model for model in table.models if model != spec.reference and spec.pool(model)]
    table = table.of_models(spec.reference, *models)
    tokens = table.tokens if np.isfinite(table.tokens).all() else None if spec.pair else table.cost * MICRO
    return Board(spec, table, table.looks, table.quality[:, :1] - table.quality[:, 1:], tokens)


def learnt(
    board: Board,
    train: Rows,
    encoder: Encoder | None,
    seed: int,
    losses: Floats | None = None,
) -> Predictor:
    """By the very function that production fits with; `losses` in place of the board's, as of a judge that errs."""
    known = board.losses if losses is None else losses
    return learn(
        [board.looks[row] for row in train],
        known[train].astype(np.float32),
        board.table.models[1:],
        tokens=None if board.tokens is None else board.tokens[train].astype(np.float32),
        encoder=encoder,
        seed=seed,
    ).predictor()


def expected_costs(
    board: Board, predictor: Predictor, vectors: npt.NDArray[np.float32], train: Rows, test: Rows
) -> Floats:
    """US dollars of each model for each request of `test`, as known before it is sent.

    Tokens are foretold, prices are today's: the table's list prices, recovered from the costs that it states. Where it
    states no tokens, the head foretells the cost itself.
    """
    foretold = predictor.tokens_of_rows(vectors)
    if board.spec.pair:
        return np.tile(np.array([1.0, 0.0]), (len(test), 1))
    if not board.counted:
        return np.asarray(foretold / MICRO, np.float64)
    sizes = np.array([len(prompt.encode()) for prompt in board.table.prompts], np.float64)
    costs = np.zeros((len(test), len(board.table.models)))
    for model in range(costs.shape[1]):
        known = np.column_stack([sizes[train], board.table.tokens[train, model], np.ones(len(train))])
        prices = np.linalg.lstsq(known, board.table.cost[train, model], rcond=None)[0]
        costs[:, model] = np.column_stack([sizes[test], foretold[:, model], np.ones(len(test))]) @ prices
    return np.maximum(costs, 1e-9)


Contender = Literal[
    "random", "task-mean, told the task", "kNN-30 on word n-grams", "ridge on word n-grams", "learned", "oracle"
]


def told_the_task(board: Board, train: Rows, test: Rows) -> Floats:
    """The mean loss of the task's rows that were learnt from."""
    tasks, losses = board.table.tasks, board.losses
    overall = losses[train].mean(axis=0)
    means = {task: losses[train][tasks[train] == task].mean(axis=0) for task in np.unique(tasks[train])}
    return np.stack([means.get(task, overall) for task in tasks[test]])


def by_words(board: Board, predictor: Predictor, train: Rows, test: Rows) -> Mapping[str, Floats]:
    """A ridge regression on TF-IDF of one and two words, and the mean of the 30 nearest by it."""
    block = predictor.reader.words
    dense = np.zeros((len(board.looks), len(block.columns)), np.float32)
    for row in np.concatenate([train, test]):
        here, weights = block.weigh(grams(codes(board.looks[row].first))[0])
        dense[row, here] = weights
    alike = dense[train] @ dense[train].T
    mean = board.losses[train].mean(axis=0)
    solved = np.linalg.solve(alike + RIDGE * np.eye(len(train)), board.losses[train] - mean)
    near = dense[test] @ dense[train].T
    nearest = np.argpartition(-near, 30, axis=1)[:, :30]
    return {
        "ridge on word n-grams": mean + near @ solved,
        "kNN-30 on word n-grams": board.losses[train][nearest].mean(axis=1),
    }
