"""What is learnt of a route from some of its replays, and which requests are too strange to go by it."""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from weighbridge.routing.quality.predictor import Predictor
from weighbridge.switch.learning.fit import fit
from weighbridge.switch.seen import Places, Seen, Terms

_STRANGE: Final = 0.99
"""Share of the cases learnt from that are nearer than the cut, before it is moved out."""
_ROOM: Final = 2.0
"""A case learnt from is one of its own five nearest, at no distance: others lie about so much further off."""


def learnt(terms: Terms, seen: Seen, rows: Places, arms: Sequence[int]) -> tuple[Predictor, float]:
    """What losses are predicted by, and the novelty up to which it is gone by. Raises learning.fit.TooFewError.

    The cut is decided by requests alone, not by what was lost on them.
    """
    looks = [seen.looks[row] for row in rows]
    predictor = fit(
        looks,
        seen.losses[rows][:, list(arms)].astype(np.float32),
        [terms.arms[at] for at in arms],
        tokens=seen.tokens[rows][:, [0, *[at + 1 for at in arms]]].astype(np.float32),
        routes=[terms.route] * len(rows),
        encoder=terms.encoder,
        seed=int.from_bytes(hashlib.sha256(terms.seed.encode()).digest()[:4]),
    )
    _, novelty = predictor.of_rows(predictor.reader.read_all(looks), terms.route)
    return predictor, float(np.quantile(novelty, _STRANGE, method="higher")) * _ROOM + 1e-6
