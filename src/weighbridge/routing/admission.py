"""Who is answered now and who waits: places, lines before them, and whom to turn away. No clock, no tasks.

A lane is what has a bound: a provider, or an engine of ours. A request takes a place in one lane and gives it back; one
that finds none free waits in the lines of all lanes that would do. A free place goes to the highest priority, and among
equals to whoever came first, but for every eighth, which goes to whoever has waited longest: nobody waits for ever.
Where a line is full, the lowest priority that came last is turned away, be it the newcomer.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from weighbridge.wire.preferences import Priority

PRIORITIES: Final[tuple[Priority, ...]] = ("high", "normal", "low")
"""The most urgent first."""

_RANKS: Final[dict[Priority, int]] = {name: rank for rank, name in enumerate(PRIORITIES)}
SHARE: Final = 8
"""One of so many places goes to whoever has waited longest, whatever its priority."""
_WEIGHT: Final = 0.2
"""Of the last interval in the mean of them."""


def lower(one: Priority, other: Priority) -> Priority:
    """The less urgent of two."""
    return one if _RANKS[one] >= _RANKS[other] else other


class Waiter:
    """One request that waits. `lane` is where it got a place; None while it waits, or if it was turned away."""

    __slots__ = ("lane", "lanes", "number", "priority", "told")

    def __init__(self, number: int, priority: Priority, told: "Callable[[Waiter], None]") -> None:
        self.number = number
        self.priority = priority
        self.told = told
        self.lanes: Sequence[Lane] = ()
        self.lane: Lane | None = None


class Lane:
    """Places of one kind, and the line before them. `bound` None: as many as are asked for."""

    __slots__ = ("_lines", "bound", "busy", "interval", "left_at", "name", "passed")

    def __init__(self, name: str, bound: int | None) -> None:
        self.name = name
        self.bound = bound
        self.busy = 0
        """Places that are taken."""
        self._lines: tuple[OrderedDict[Waiter, None], ...] = tuple(OrderedDict() for _ in PRIORITIES)
        self.passed = 0
        """Places given since the longest waiting was last served, in which it was passed over."""
        self.left_at: float | None = None
        self.interval: float | None = None
        """Mean seconds from one place given back to the next, while there is a line."""

    @property
    def has_room(self) -> bool:
        """Whether a place is free."""
        return self.bound is None or self.busy < self.bound

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines))

    def ahead_of(self, priority: Priority) -> int:
        """How many wait that would be served before a newcomer."""
        return sum(map(len, self._lines[: _RANKS[priority] + 1]))

    def add(self, waiter: Waiter) -> None:
        """At the end of its line."""
        self._lines[_RANKS[waiter.priority]][waiter] = None

    def remove(self, waiter: Waiter) -> None:
        """From wherever it stands."""
        self._lines[_RANKS[waiter.priority]].pop(waiter, None)

    def first(self) -> Waiter | None:
        """The most urgent, and among them the one that came first."""
        return next((next(iter(line)) for line in self._lines if line), None)

    def oldest(self) -> Waiter | None:
        """Who has waited longest."""
        heads = [next(iter(line)) for line in self._lines if line]
        return min(heads, key=_number) if heads else None

    def last(self) -> Waiter | None:
        """The least urgent, and among them the one that came last."""
        return next((next(reversed(line)) for line in reversed(self._lines) if line), None)


def _number(waiter: Waiter) -> int:
    return waiter.number


class Lines:
    """All lanes of a worker. `most` bounds the places of all together, `queue` the line before each lane."""

    def __init__(self, lanes: Iterable[Lane], *, queue: int, most: int | None = None) -> None:
        self._lanes = tuple(lanes)
        self._queue = queue
        self._most = most
        self._busy = 0
        self._count = 0
        self.waiting = 0
        """How many wait, in whatever line."""

    @property
    def has_room(self) -> bool:
        """Whether the worker may begin on one more."""
        return self._most is None or self._busy < self._most

    def enter(self, lane: Lane) -> bool:
        """Take a place if one is free. Whoever waits for it has been given it before."""
        if (lane.bound is not None and lane.busy >= lane.bound) or (
            self._most is not None and self._busy >= self._most
        ):
            return False
        lane.busy += 1
        self._busy += 1
        return True

    def leave(self, lane: Lane, at: float) -> None:
        """Give a place back at `at`, in seconds, and to whoever is next; the time is read only while someone waits."""
        lane.busy -= 1
        self._busy -= 1
        if not self.waiting:
            lane.left_at = None
            return
        if lane.left_at is not None and lane.waiting:
            lasted = at - lane.left_at
            lane.interval = lasted if lane.interval is None else lane.interval + _WEIGHT * (lasted - lane.interval)
        lane.left_at = at
        while self._give():
            pass

    def join(self, lanes: Sequence[Lane], priority: Priority, told: Callable[[Waiter], None]) -> Waiter | None:
        """Wait for a place in one of the lanes, none of which has one now; None: turned away, for others are first.

        `told` hears of it when the waiter has got a place, or was turned away for one that is more urgent.
        """
        waiter = Waiter(self._count, priority, told)
        self._count += 1
        open_ = [lane for lane in lanes if lane.waiting < self._queue]
        if not open_:
            victim = self._least(lanes, priority)
            if victim is None:
                return None
            open_ = [lane for lane in victim.lanes if lane in lanes]
            self.quit(victim)
            victim.told(victim)
        waiter.lanes = open_
        for lane in open_:
            lane.add(waiter)
        self.waiting += 1
        return waiter

    def quit(self, waiter: Waiter) -> None:
        """Wait no more."""
        if waiter.lanes:
            self.waiting -= 1
        for lane in waiter.lanes:
            lane.remove(waiter)
        waiter.lanes = ()

    def wait(self, lanes: Sequence[Lane], priority: Priority) -> float | None:
        """Seconds until a newcomer would be served, by the pace of late; None where there is none to go by."""
        known = [(lane.ahead_of(priority) + 1) * lane.interval for lane in lanes if lane.interval is not None]
        return min(known, default=None)

    def _least(self, lanes: Sequence[Lane], priority: Priority) -> Waiter | None:
        """Who is turned away for one of this priority."""
        last = [waiter for lane in lanes if (waiter := lane.last()) is not None]
        least = max(last, key=lambda waiter: (_RANKS[waiter.priority], waiter.number), default=None)
        return least if least is not None and _RANKS[least.priority] > _RANKS[priority] else None

    def _give(self) -> bool:
        """Give one free place to whoever is next, if there is one and somebody waits for it."""
        if not self.has_room:
            return False
        best: tuple[tuple[bool, int, int], Lane, Waiter] | None = None
        open_ = [lane for lane in self._lanes if lane.has_room and lane.waiting]
        for lane in open_:
            is_due = lane.passed >= SHARE - 1
            waiter = lane.oldest() if is_due else lane.first()
            if waiter is not None:
                rank = (not is_due, 0 if is_due else _RANKS[waiter.priority], waiter.number)
                if best is None or rank < best[0]:
                    best = rank, lane, waiter
        if best is None:
            return False
        _, chosen, waiter = best
        for lane in open_:
            lane.passed = 0 if lane.oldest() is waiter else lane.passed + 1
        self.quit(waiter)
        waiter.lane = chosen
        chosen.busy += 1
        self._busy += 1
        waiter.told(waiter)
        return True
