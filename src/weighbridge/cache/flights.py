"""Requests under way whose answers others wait for: of those that ask the same at the same time, one asks a provider.

The others wait until its answer is whole, and are given it then, as a stream too: what they had been sent of an answer
that breaks off could not be taken back. If the one's client leaves, the next takes over. If it fails, each goes its own
way, and so does who has waited long enough.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

from weighbridge.cache.kept import Kept

Outcome = Kept | Literal["left", "failed"]
"""`left`: its client has gone, or the answer will not come for another reason that is its own; the next may ask."""


class Flight:
    """One request, as the others see it. Whoever takes it off must land it, however it ends."""

    __slots__ = ("_done", "_forget")

    def __init__(self, done: "asyncio.Future[Outcome]", forget: Callable[[], None]) -> None:
        self._done = done
        self._forget = forget

    def land(self, outcome: Outcome) -> None:
        """Tell those who wait. A good answer stays known until `written`. Idempotent."""
        if not self._done.done():
            self._done.set_result(outcome)
        if not isinstance(outcome, Kept):
            self._forget()

    def written(self) -> None:
        """It can be found in the file, or never will be: no need to know it any longer."""
        self._forget()

    @property
    def landed(self) -> bool:
        """Whether its outcome is known."""
        return self._done.done()

    async def outcome(self, seconds: float) -> Outcome:
        """What became of it; `failed` where that is not known in time."""
        await asyncio.wait((self._done,), timeout=seconds)
        return self._done.result() if self._done.done() else "failed"


class Flights:
    """Those of one process, by what they ask."""

    def __init__(self) -> None:
        self._under_way: dict[bytes, Flight] = {}

    def under_way(self, id_: bytes) -> Flight | None:
        """The one that asks the same."""
        return self._under_way.get(id_)

    def take_off(self, id_: bytes) -> Flight:
        """Others that ask the same wait for this one from now on."""

        def forget() -> None:
            if self._under_way.get(id_) is flight:
                del self._under_way[id_]

        flight = Flight(asyncio.get_running_loop().create_future(), forget)
        self._under_way[id_] = flight
        return flight
