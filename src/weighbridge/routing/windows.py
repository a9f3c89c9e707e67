"""Figures of the last minutes, in constant time and a bounded space for each event. Times are handed in.

All of them turn: what is older than the window falls out a slot at a time, so a window is up to a slot shorter than it
says.
"""

from array import array
from collections.abc import Sequence
from math import log10
from typing import Final

_LOWEST: Final = -4
"""The decimal power at which the first bin begins."""
_BINS_A_DECADE: Final = 16
"""A value is known to within 7 %."""
_BINS: Final = 8 * _BINS_A_DECADE
_EMPTY: Final = bytes(4 * _BINS)
_SECONDS_A_SLOT: Final = 60
_SLOTS: Final = 5


class Spread:
    """How values over zero were spread over the last five minutes: counts in bins that grow by the same factor."""

    __slots__ = ("_slots", "_tick", "count")

    def __init__(self) -> None:
        self._slots: list[array[int] | None] = [None] * _SLOTS
        self._tick = -1
        self.count = 0
        """How many there ever were."""

    def add(self, value: float, now: float) -> None:
        """One more value, of any unit, between 0.0001 and 10,000; others count as the nearest of these."""
        tick = int(now // _SECONDS_A_SLOT)
        if tick != self._tick:
            self._turn(tick)
        slot = self._slots[tick % _SLOTS]
        if slot is None:
            slot = self._slots[tick % _SLOTS] = array("I", _EMPTY)
        at = int((log10(value) - _LOWEST) * _BINS_A_DECADE) if value > 0 else 0
        slot[0 if at < 0 else at if at < _BINS else _BINS - 1] += 1
        self.count += 1

    def reached(self, shares: Sequence[float], now: float, least: int = 1) -> list[float] | None:
        """For each share, in rising order, the value that this share of the values did not exceed.

        None where there are fewer than `least` in the window.
        """
        self._turn(int(now // _SECONDS_A_SLOT))
        filled = [slot for slot in self._slots if slot is not None]
        if not filled:
            return None
        counts = list(filled[0]) if len(filled) == 1 else [sum(each) for each in zip(*filled, strict=True)]
        total = sum(counts)
        if total < max(least, 1):
            return None
        found: list[float] = []
        passed, at = counts[0], 0
        for share in shares:
            while passed < share * total and at < _BINS - 1:
                at += 1
                passed += counts[at]
            found.append(10.0 ** (_LOWEST + (at + 0.5) / _BINS_A_DECADE))
        return found

    def _turn(self, tick: int) -> None:
        if tick <= self._tick:
            return
        for past in range(max(self._tick + 1, tick - _SLOTS + 1), tick + 1):
            self._slots[past % _SLOTS] = None
        self._tick = tick


_OUTCOME_SECONDS: Final = 5
_OUTCOME_SLOTS: Final = 6


class Outcomes:
    """What share of the requests of the last half minute failed."""

    __slots__ = ("_failed", "_tick", "_well")

    def __init__(self) -> None:
        self._well = [0] * _OUTCOME_SLOTS
        self._failed = [0] * _OUTCOME_SLOTS
        self._tick = 0

    def well(self, now: float, count: int = 1) -> None:
        """One that went well, or so many."""
        tick = int(now // _OUTCOME_SECONDS)
        if tick != self._tick:
            self._turn(tick)
        self._well[tick % _OUTCOME_SLOTS] += count

    def failed(self, now: float) -> None:
        """One that did not."""
        tick = int(now // _OUTCOME_SECONDS)
        if tick != self._tick:
            self._turn(tick)
        self._failed[tick % _OUTCOME_SLOTS] += 1

    def counted(self, now: float) -> tuple[int, int]:
        """(failed, all) in the window."""
        self._turn(int(now // _OUTCOME_SECONDS))
        failed = sum(self._failed)
        return failed, failed + sum(self._well)

    def well_lately(self, now: float) -> bool:
        """Whether one went well in this slot or the one before it: within the last five seconds, or ten."""
        tick = int(now // _OUTCOME_SECONDS)
        self._turn(tick)
        return bool(self._well[tick % _OUTCOME_SLOTS] or self._well[(tick - 1) % _OUTCOME_SLOTS])

    def forget(self) -> None:
        """Begin again."""
        self._well = [0] * _OUTCOME_SLOTS
        self._failed = [0] * _OUTCOME_SLOTS

    def _turn(self, tick: int) -> None:
        for past in range(max(self._tick + 1, tick - _OUTCOME_SLOTS + 1), tick + 1):
            self._well[past % _OUTCOME_SLOTS] = self._failed[past % _OUTCOME_SLOTS] = 0
        self._tick = max(self._tick, tick)


class Lately:
    """A mean in which what came last weighs most; None before the first value."""

    __slots__ = ("_part", "count", "mean")

    def __init__(self, part: float) -> None:
        """`part` is the weight of a new value, between 0 and 1."""
        self._part = part
        self.mean: float | None = None
        self.count = 0
        """Values so far."""

    def add(self, value: float) -> None:
        """One more value."""
        mean = self.mean
        self.mean = value if mean is None else mean + self._part * (value - mean)
        self.count += 1

    def forget(self, count: int = 0) -> None:
        """Begin again, as if `count` values had been seen."""
        self.mean = None
        self.count = count
