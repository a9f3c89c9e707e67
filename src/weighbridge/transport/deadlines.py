"""Time limits for many connections with one timer.

Arming a timer for every request costs more than the request's parsing. Each connection carries a
`deadline` instead, and one sweep, a few times a second, ends those that are past it: a limit is
kept to within `EVERY` seconds.
"""

import asyncio
from math import inf
from typing import Final, Protocol

EVERY: Final = 0.2
NEVER: Final = inf


class Timed(Protocol):
    """Something that must not wait for ever. `deadline` is in the loop's time, `NEVER` when at ease."""

    deadline: float

    def expire(self) -> None:
        """The deadline has passed."""
        ...


class Deadlines:
    """Watches over any number of `Timed`; start it on the loop that owns them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time
        self._loop = loop
        self._watched: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, timed: Timed) -> None:
        """Sweep `timed` from now on."""
        self._watched.add(timed)
        if self._timer is None:
            self._timer = self._loop.call_later(EVERY, self._sweep)

    def forget(self, timed: Timed) -> None:
        """Sweep it no more; unknown ones are ignored."""
        self._watched.discard(timed)

    def _sweep(self) -> None:
        # The next sweep is set first: an `expire` that raises must not be the last one called.
        self._timer = self._loop.call_later(EVERY, self._sweep) if self._watched else None
        now = self.now()
        for timed in [timed for timed in self._watched if timed.deadline <= now]:
            timed.deadline = NEVER
            timed.expire()
