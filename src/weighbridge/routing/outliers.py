"""Which endpoints do far worse than others of the same model: values in, values out."""

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil
from typing import Final

import msgspec

_LEAST_OF_SHARE: Final = 20
"""The same for its share of failures."""
_LEAST_GAP: Final = 0.25
"""Seconds: what is faster than this is not slow, however fast the others are."""
_LEAST_PACE_GAP: Final = 0.02
"""The same for seconds a token: 50 tokens a second are not slow."""
_WORSE_SHARE: Final = 0.2
"""Of failures, over the others'."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What one endpoint has been doing lately."""

    id: str
    is_open: bool
    """Not asked just now, for whatever reason."""
    spoke: float | None = None
    """Seconds to the first byte; None where too little is known."""
    pace: float | None = None
    """Seconds a token."""
    failed: int = 0
    of: int = 0


def outliers(siblings: Sequence[Seen], slower: float) -> list[str]:
    """The ids of those to be put aside, the worst first, of endpoints of one model.

    `slower` is how many times slower than the others' median one must be; 0: none is. Half of the endpoints stay at
    least.
    """
    room = len(siblings) // 2 - sum(seen.is_open for seen in siblings)
    if room < 1:
        return []
    well = [seen for seen in siblings if not seen.is_open]
    spoke = sorted(seen.spoke for seen in well if seen.spoke is not None)
    pace = sorted(seen.pace for seen in well if seen.pace is not None)
    failed, of = sum(seen.failed for seen in well), sum(seen.of for seen in well)
    found: list[tuple[float, str]] = []
    for seen in well:
        far = _failing(seen, failed - seen.failed, of - seen.of)
        if slower > 0:
            far = max(
                far, _slow(seen.spoke, spoke, _LEAST_GAP) / slower, _slow(seen.pace, pace, _LEAST_PACE_GAP) / slower
            )
        if far >= 1:
            found.append((far, seen.id))
    return [id_ for _, id_ in sorted(found, reverse=True)[:room]]


def _slow(mine: float | None, all_: Sequence[float], gap: float) -> float:
    """How many times slower than the others' median; `all_` has mine too, and is sorted."""
    if mine is None or len(all_) < 2:
        return 0.0
    own = bisect_left(all_, mine)
    middle = (len(all_) - 2) / 2
    places = {int(middle), ceil(middle)}
    usual = sum(all_[place if place < own else place + 1] for place in places) / len(places)
    return 0.0 if mine - usual < gap else mine / max(usual, 1e-6)


def _failing(seen: Seen, others_failed: int, others: int) -> float:
    """By how many times what is a difference more of the requests fail than of the others'."""
    if seen.of < _LEAST_OF_SHARE or others < _LEAST_OF_SHARE:
        return 0.0
    return (seen.failed / seen.of - others_failed / others) / _WORSE_SHARE
