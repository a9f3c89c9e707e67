"""Requests whose difficulty is plain: sums that a small model can do, and riddles that it cannot."""

import numpy as np

from weighbridge.routing.quality.features import Floats
from weighbridge.routing.quality.look import Look

ARMS = ("lab/small", "lab/tiny")
_NAMES = ("Amal", "Bo", "Chen", "Dina", "Eve", "Farid")
_THINGS = ("pears", "coins", "boats", "lamps", "stones")


def look(text: str) -> Look:
    return Look("", text, text, 1, len(text), None, 0, (), "text")


def some(count: int, seed: int = 0) -> tuple[list[Look], Floats, Floats, list[str]]:
    """Requests, losses and tokens by (reference,) arm, routes.

    Sums lose nothing with either; riddles cost the small one 0.3 and the tiny one 0.8 on average; answers to riddles
    are ten times as long.
    """
    random = np.random.default_rng(seed)
    looks, losses, tokens, routes = [], [], [], []
    for _ in range(count):
        name, thing = random.choice(_NAMES), random.choice(_THINGS)
        riddle = bool(random.random() < 0.5)
        number = int(random.integers(2, 99))
        looks.append(
            look(
                f"Explain the riddle of {name} and the {thing}: why does none of them ever leave the room?"
                if riddle
                else f"{name} has {number} {thing} and buys {number + 3} more. How many {thing} are there?"
            )
        )
        losses.append([float(random.random() < share) for share in ((0.3, 0.8) if riddle else (0.0, 0.0))])
        tokens.append([float(random.integers(90, 110) * (10 if riddle else 1)) for _ in range(3)])
        routes.append("rt-riddles" if riddle else "rt-sums")
    return looks, np.array(losses, np.float32), np.array(tokens, np.float32), routes
