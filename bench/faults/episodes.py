"""When each endpoint of a schedule fails, and how: values, drawn from a seed."""

import random
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

Kind = Literal["dead", "silent", "slow", "busy", "failing", "lying", "resetting"]
"""What an endpoint does during an episode.

dead       refuses connections, and has broken off those there were
silent     takes requests and never answers
slow       answers a hundred times slower than usual
busy       answers 429
failing    answers 500
lying      answers 200 with an error for a body
resetting  breaks each answer off at some byte of it
"""

KINDS: Final[tuple[Kind, ...]] = ("dead", "silent", "slow", "busy", "failing", "lying", "resetting")
_SERVES: Final[frozenset[Kind]] = frozenset({"slow"})
_FLAP: Final = 0.2
"""Seconds that an endpoint which flaps is up, then down."""


class Episode(msgspec.Struct, frozen=True):
    """From `start` to `end`, in seconds."""

    start: float
    end: float
    kind: Kind


def now_in(schedule: Sequence[Episode], moment: float) -> Kind | None:
    """What the endpoint does at that moment; None where nothing is wrong."""
    return next((each.kind for each in schedule if each.start <= moment < each.end), None)


def drawn(seed: int, *, endpoints: int, seconds: float, well: float = 8.0, ill: float = 3.0) -> list[list[Episode]]:
    """A schedule for each endpoint. `well` and `ill` are the mean seconds between episodes and of an episode.

    Every sixth episode flaps: the endpoint comes and goes every fifth of a second.
    """
    chance = random.Random(seed)
    return [list(_one(chance, seconds, well, ill)) for _ in range(endpoints)]


def _one(chance: random.Random, seconds: float, well: float, ill: float) -> list[Episode]:
    found: list[Episode] = []
    at = chance.expovariate(1 / well)
    while at < seconds:
        lasts = min(4 * ill, chance.expovariate(1 / ill))
        kind = chance.choice(KINDS)
        if chance.random() < 1 / 6:
            found += [Episode(start, min(start + _FLAP, at + lasts), kind) for start in _times(at, at + lasts)]
        else:
            found.append(Episode(at, at + lasts, kind))
        at += lasts + chance.expovariate(1 / well)
    return found


def _times(start: float, end: float) -> list[float]:
    return [start + 2 * _FLAP * number for number in range(1 + int((end - start) / (2 * _FLAP)))]


def served(schedules: Sequence[Sequence[Episode]], moment: float, patience: float) -> bool:
    """Whether a policy that knows the schedules could have had a request answered that came at `moment`.

    It could where some endpoint serves at some time from then on until `patience` (seconds) has passed.
    """
    return any(_serves_within(schedule, moment, moment + patience) for schedule in schedules)


def _serves_within(schedule: Sequence[Episode], moment: float, end: float) -> bool:
    for episode in schedule:
        if episode.kind in _SERVES or episode.end <= moment:
            continue
        if episode.start > moment:
            return True
        moment = episode.end
        if moment >= end:
            return False
    return True
