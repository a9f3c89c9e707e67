"""In which turn of the loop a request is begun, or the end of a streamed answer seen to.

Either takes several times as long as to pass on a chunk. While answers stream, a crowd of them is therefore taken a few
in each turn, and the chunks that came meanwhile go out in between. Without streams all are taken in the turn they came
in, which is cheaper: what is sent in one turn is sent together.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

_A_FEW: Final = 8
_LATELY: Final = 1.0
"""Seconds since the last chunk for which answers count as streaming."""


class Waiting(Protocol):
    """Something longer than a chunk, about to begin."""

    def begin(self) -> None:
        """It is time. Nothing happens if whoever it was for has gone."""
        ...


class Turns:
    """Belongs to one loop; `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._busy_until = 0.0
        self._begun = 0
        """In this turn, counted only while answers stream."""
        self._queue: deque[Waiting] = deque()

    def streamed(self) -> None:
        """A chunk has gone out."""
        self._busy_until = self._now() + _LATELY

    def take(self, waiting: Waiting) -> None:
        """Begin it now or, in its order, as soon as a turn has room."""
        if self._now() > self._busy_until and not self._queue:
            waiting.begin()
            return
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._next)
        if self._begun < _A_FEW:
            self._begun += 1
            waiting.begin()
        else:
            self._queue.append(waiting)

    def _next(self) -> None:
        self._begun = min(_A_FEW, len(self._queue))
        if self._begun:
            asyncio.get_running_loop().call_soon(self._next)
        for _ in range(self._begun):
            self._queue.popleft().begin()
