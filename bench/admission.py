"""Bounds that are set, against bounds that find themselves: a simulation of an engine that is asked too much.

`python -m bench.admission`. The engine answers as many requests at once as it has slots; with more, all share its time,
and it loses some of it for each. Requests take four seconds of it on average, with more or less spread. What counts is
the share of the engine's time that ended in answers within a minute of their coming.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

SLOTS = 4
MEAN = 4.0
"""Seconds that a request takes of a slot."""
LOST = 0.04
"""Of the engine's time for each request beyond its slots."""
PATIENCE = 60.0
QUEUE = 40
SECONDS = 4000.0


class Limiter(Protocol):
    """How many may be under way."""

    def limit(self) -> int:
        """Now."""
        ...

    def ended(self, seconds: float, under_way: int) -> None:
        """One has ended, so long after it was begun, one of so many."""
        ...


@dataclass
class Fixed:
    """The same number always."""

    bound: int

    def limit(self) -> int:
        """See Limiter."""
        return self.bound

    def ended(self, seconds: float, under_way: int) -> None:
        """See Limiter."""


@dataclass
class Gradient:
    """By how an answer's time compares with the mean of many, as Netflix's `Gradient2Limit` has it.

    https://github.com/Netflix/concurrency-limits
    """

    now: float = 20.0
    tolerance: float = 1.5
    queue: float = 4.0
    mean: float | None = None

    def limit(self) -> int:
        """See Limiter."""
        return int(self.now)

    def ended(self, seconds: float, under_way: int) -> None:
        """See Limiter."""
        self.mean = seconds if self.mean is None else self.mean + 2 / 601 * (seconds - self.mean)
        if self.mean / seconds > 2:
            self.mean *= 0.95
        if under_way >= self.now / 2:
            gradient = max(0.5, min(1.0, self.tolerance * self.mean / seconds))
            self.now = max(1.0, min(200.0, 0.8 * self.now + 0.2 * (self.now * gradient + self.queue)))


@dataclass
class Run:
    """One engine, for an hour and some."""

    limiter: Limiter
    load: float
    """Of what the engine could answer."""
    spread: float
    """Standard deviation of a request's time over its mean."""
    seed: int
    waiting: list[tuple[float, float]] = field(default_factory=list)
    """(work, when it came)"""
    active: list[list[float]] = field(default_factory=list)
    """[work left, when it came, when it was begun, its work]"""
    good: float = 0.0
    """Work of answers in time."""

    def share(self) -> float:
        """Of the engine's time that ended in answers in time."""
        chance = random.Random(self.seed)
        sigma = math.sqrt(math.log(1 + self.spread**2))
        at, following, pace = 0.0, 0.0, self.load * SLOTS / MEAN
        while at < SECONDS:
            speed = self._speed()
            ends = min((one[0] for one in self.active), default=math.inf) / speed if speed else math.inf
            passed = min(ends, following - at)
            for one in self.active:
                one[0] -= passed * speed
            at += passed
            if ends <= passed:
                self._end(at)
            else:
                if len(self.waiting) < QUEUE:
                    self.waiting.append((chance.lognormvariate(math.log(MEAN) - sigma**2 / 2, sigma), at))
                following = at + chance.expovariate(pace)
            while self.waiting and len(self.active) < self.limiter.limit():
                work, came = self.waiting.pop(0)
                if at - came <= PATIENCE:
                    self.active.append([work, came, at, work])
        return self.good / (SECONDS * SLOTS)

    def _speed(self) -> float:
        many = len(self.active)
        return min(1.0, SLOTS / many * max(0.2, 1 - LOST * max(0, many - SLOTS))) if many else 0.0

    def _end(self, at: float) -> None:
        ended = min(self.active, key=lambda one: one[0])
        self.limiter.ended(at - ended[2], len(self.active))
        self.active.remove(ended)
        if at - ended[1] <= PATIENCE:
            self.good += ended[3]


LIMITERS: dict[str, Callable[[], Limiter]] = {
    "as many as slots": lambda: Fixed(SLOTS),
    "twice the slots": lambda: Fixed(2 * SLOTS),
    "gradient, as it comes": Gradient,
    "gradient, tuned to this": lambda: Gradient(now=SLOTS, tolerance=1.0, queue=1.0),
    "no bound": lambda: Fixed(10**6),
}


def mean_share(make: Callable[[], Limiter], load: float, spread: float, runs: int = 5) -> float:
    """The mean of several runs."""
    return sum(Run(make(), load, spread, seed).share() for seed in range(runs)) / runs


def main() -> None:
    """Print a table."""
    loads = [(load, spread) for load in (0.7, 1.2, 2.0) for spread in (0.0, 1.0, 2.0)]
    print("| bound | " + " | ".join(f"load {load}, spread {spread}" for load, spread in loads) + " |")
    print("| --- |" + " ---: |" * len(loads))
    for name, make in LIMITERS.items():
        print(f"| {name} | " + " | ".join(f"{mean_share(make, *each):.2f}" for each in loads) + " |")


if __name__ == "__main__":
    main()
