"""What a decision costs the gateway, and what is left of a saving when all that watches over it is paid."""

import time
from typing import Final

import numpy as np

from bench.router.measure import knob_for
from bench.router.results import Net, Speed
from bench.router.splits import Board, expected_costs, learnt
from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.worth import taken

REQUESTS: Final = 500
REPEATS: Final = 3
CORE_HOUR: Final = 0.05
"""US dollars of a core, rented."""
WATCHED: Final = 0.02
JUDGED: Final = 2.0
"""Calls of a judge to a watched request, each as dear as the reference's answer."""


def decisions(board: Board, encoder: Encoder | None) -> Speed:
    """Microseconds of CPU for what the gateway asks of a predictor: the least of some tries, request by request."""
    train, test = board.split(0)
    predictor = learnt(board, train, encoder, 0)
    spent = []
    for row in test[:REQUESTS]:
        look = board.looks[row]
        tries = []
        for _ in range(REPEATS):
            predictor.forget()
            began = time.process_time_ns()
            predictor.losses(look)
            predictor.tokens(look)
            predictor.novelty(look)
            tries.append(time.process_time_ns() - began)
        spent.append(min(tries) / 1000)
    return Speed(encoder.name if encoder else "", *(float(each) for each in np.percentile(spent, [50, 99])))


def net(board: Board, speed: Speed, share: float = 0.99) -> Net:
    """Of what is saved at a share of the reference's quality, chosen on the half that is not measured on."""
    train, test = board.split(0)
    predictor = learnt(board, train, None, 0)
    vectors = predictor.reader.read_all([board.looks[row] for row in test])
    losses = predictor.of_rows(vectors)[0].astype(np.float64)
    costs = expected_costs(board, predictor, vectors, train, test)
    half = len(test) // 2
    allowed = (1 - share) * float(board.table.quality[test[:half], 0].mean())
    usual = board.usual(train)
    tau = knob_for(board, test[:half], losses[:half], costs[:half], usual=usual, allowed=allowed)
    arm = taken(losses[half:], costs[half:], tau, usual)
    rows = test[half:]
    paid = board.table.cost[rows, arm + 1]
    reference = float(board.table.cost[rows, 0].mean())
    moved = float((arm >= 0).mean())
    watched = moved * WATCHED
    cpu = speed.median / 1e6 / 3600 * CORE_HOUR / reference
    return Net(board.spec.name, 1 - float(paid.mean()) / reference, moved, cpu, watched, watched * JUDGED)
