"""What comes of a router when its requests change: a task that it has not seen, and labels that are wrong."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from bench.router.data import Floats
from bench.router.measure import Figure, Say, figures, knob_for
from bench.router.results import Noise, Shift
from bench.router.splits import Board, Rows, expected_costs, learnt
from weighbridge.routing.quality.worth import taken
from weighbridge.switch.evidence.alarm import Alarm

LEARNT: Final = 1500
CALIBRATED: Final = 1000
EPSILON: Final = 0.02
DELTA: Final = 0.05
STRANGE: Final = 0.95
"""Share of the calibration requests that are nearer than the gate's cut."""
WATCHED: Final = 0.05
"""Of moved requests, how many the reference is asked as well."""
STREAMS: Final = 40
LONGEST: Final = 40_000
"""Requests of a stream: those of the task, drawn again and again."""
FLIPPED: Final = (0.0, 0.05, 0.1, 0.2)
ROUNDS: Final = 3


def left_out(board: Board, say: Say) -> Iterator[Shift]:
    """Each task in turn comes as news: learnt and calibrated on the others, at a mean loss of at most EPSILON there."""
    tasks = board.table.tasks
    for task in np.unique(tasks):
        known, new = np.flatnonzero(tasks != task), np.flatnonzero(tasks == task)
        order = np.random.default_rng(0).permutation(known)
        train, calibrate = order[:LEARNT], order[LEARNT : LEARNT + CALIBRATED]
        yield _left_out(board, str(task), train, calibrate, new)
        say(f"{board.spec.name}: without {task}")


def _left_out(board: Board, task: str, train: Rows, calibrate: Rows, new: Rows) -> Shift:
    predictor = learnt(board, train, None, 0)

    def foreseen(rows: Rows) -> tuple[Floats, Floats, Floats]:
        vectors = predictor.reader.read_all([board.looks[row] for row in rows])
        losses, novelty = predictor.of_rows(vectors)
        costs = expected_costs(board, predictor, vectors, train, rows)
        return losses.astype(np.float64), costs, novelty.astype(np.float64)

    losses, costs, novelty = foreseen(calibrate)
    tau = knob_for(board, calibrate, losses, costs, usual=board.usual(train), allowed=EPSILON)
    cut = float(np.quantile(novelty, STRANGE))
    losses, costs, novelty = foreseen(new)
    arm = taken(losses, costs, tau, board.usual(train))
    lost = np.where(arm >= 0, board.losses[new, np.maximum(arm, 0)], 0.0)
    strange = novelty > cut
    waits = [until_alarm(lost, arm >= 0, seed) for seed in range(STREAMS)]
    rang = [wait for wait in waits if wait is not None]
    return Shift(
        board.spec.name,
        task,
        float(strange.mean()),
        float(lost.mean()),
        float(np.where(strange, 0.0, lost).mean()),
        len(rang) / STREAMS,
        float(np.median(rang)) if len(rang) > STREAMS / 2 else None,
    )


def until_alarm(lost: Floats, moved: "np.ndarray[tuple[int], np.dtype[np.bool_]]", seed: int) -> int | None:
    """Requests of the task until the alarm rings over what is watched of them; None: it does not."""
    random = np.random.default_rng(seed)
    alarm = Alarm(EPSILON, DELTA)
    for count, row in enumerate(random.integers(len(lost), size=LONGEST), 1):
        if moved[row] and random.random() < WATCHED and alarm.add(float(lost[row])):
            return count
    return None


def noisy(board: Board, say: Say) -> Iterator[Noise]:
    """The labels that are learnt from turned over at random, those that are measured on as they are."""
    for share in FLIPPED:
        rows = []
        for seed in range(ROUNDS):
            train, test = board.split(seed)
            flips = np.random.default_rng(seed).random(board.table.quality.shape) < share
            quality = np.where(flips, 1 - board.table.quality, board.table.quality)
            predictor = learnt(board, train, None, seed, quality[:, :1] - quality[:, 1:])
            vectors = predictor.reader.read_all([board.looks[row] for row in test])
            costs = expected_costs(board, predictor, vectors, train, test)
            rows.append(
                figures(board, test, predictor.of_rows(vectors)[0].astype(np.float64), costs, board.usual(train))
            )
            say(f"{board.spec.name}: {share:.0%} of labels wrong, split {seed + 1} of {ROUNDS}")
        yield Noise(
            board.spec.name,
            share,
            {
                name: Figure(*(float(each([row[name] for row in rows])) for each in (np.mean, np.std)))
                for name in rows[0]
            },
        )
