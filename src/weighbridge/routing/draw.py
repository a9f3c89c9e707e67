"""Draw from a weighted list without repeats, lazily, and the same way for the same seed.

A draw that falls on what may not be taken (given before, or not well) is drawn again, with the next number of the same
seed. So whoever had drawn something else still draws that: a session keeps its endpoint when another one fails, and an
endpoint that fails gives its sessions to all the others by their weights.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import log
from typing import Final

_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_TRIES: Final = 16
"""Draws before the rest is put in order at once: with one heavy weight, the light ones would be drawn for ever."""


def fraction(seed: int, count: int) -> float:
    """A number in [0, 1), the `count`th of the seed (splitmix64, Steele et al. 2014)."""
    mixed = (seed + (count + 1) * 0x9E37_79B9_7F4A_7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) * 2.0**-53


def reach(weights: Sequence[float]) -> list[float]:
    """How far each weight reaches when they are laid end to end: what `drawn` looks up. All are over zero."""
    return list(accumulate(weights))


def drawn(reaches: Sequence[float], seed: int) -> Iterator[int]:
    """All places of the list, each once, the heavy ones likelier first."""
    total, size = reaches[-1], len(reaches)
    given: set[int] = set()
    for count in range(_TRIES):
        place = min(bisect_right(reaches, fraction(seed, count) * total), size - 1)
        if place not in given:
            given.add(place)
            yield place
            if len(given) == size:
                return
    yield from _rest(reaches, seed, given)


def _rest(reaches: Sequence[float], seed: int, given: set[int]) -> list[int]:
    """In the order of exponential clocks that run as fast as the weights: what drawing on would come to."""
    clocks = []
    for place, end in enumerate(reaches):
        if place not in given:
            weight = end - (reaches[place - 1] if place else 0.0)
            clocks.append((-log(1.0 - fraction(seed, _TRIES + place)) / max(weight, 1e-300), place))
    return [place for _, place in sorted(clocks)]
