"""How much each opinion counts: weights of at least 0 that fit predictions which had not seen what they predict."""

from typing import Final

import numpy as np

from weighbridge.routing.quality.features import Floats
from weighbridge.switch.learning.moments import Doubles, Matrix

TURNS: Final = 500
DONE: Final = 1e-9
DIRECTIONS: Final = 3
REST: Final = 0.5


def blend(opinions: Matrix, losses: Matrix, usual: Matrix, prior: float) -> Doubles:
    """Non-negative least squares of losses on opinions (opinions x rows x arms), both less their mean.

    It is drawn towards the weights `usual` as `prior` requests would: a few hundred replays do not tell one opinion
    from another, and the best of many is best by luck.
    """
    seen = ~np.isnan(losses)
    design = np.stack([opinion[seen] for opinion in opinions], axis=1).astype(np.float64)
    target = losses[seen].astype(np.float64)
    squares, products = design.T @ design, design.T @ target
    ridge = prior / max(1, len(losses)) * max(float(np.trace(squares)) / len(squares), 1e-12)
    squares = squares + ridge * np.eye(len(squares))
    products = products + ridge * np.asarray(usual, np.float64)
    return _non_negative(squares, products)


def shared(foretold: Matrix) -> Floats:
    """What arms have in common, as a matrix for rows of losses less their mean (requests x arms).

    What is hard for one model is hard for others: most of what can be foretold of all arms lies in a few directions.
    These count in full, the rest half: it is noise for the greater part, of which the best of many arms is made.
    """
    arms = foretold.shape[1]
    _, _, turned = np.linalg.svd(foretold.astype(np.float64), full_matrices=False)
    main = turned[:DIRECTIONS]
    kept: Floats = (REST * np.eye(arms) + (1 - REST) * main.T @ main).astype(np.float32)
    return kept


def _non_negative(squares: Doubles, products: Doubles) -> Doubles:
    """Argmin of w'Sw/2 - p'w over w >= 0, a coordinate at a time."""
    weights = np.zeros(len(products))
    for _ in range(TURNS):
        before = weights.copy()
        for at in range(len(weights)):
            if squares[at, at] > 0:
                weights[at] = max(0.0, weights[at] + (products[at] - squares[at] @ weights) / squares[at, at])
        if np.abs(weights - before).max() < DONE:
            break
    return weights
