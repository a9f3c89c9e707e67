"""How many requests are answered at once: those over a bound wait their turn, and too many are turned away.

`routing/admission.py` decides; this is where requests wait. Nothing here is on the way of a worker without a bound.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import Overloaded
from weighbridge.providers.base import Answer, Body
from weighbridge.routing.admission import Lane, Lines, Waiter
from weighbridge.wire.preferences import Priority

_LONGEST_RETRY: Final = 60.0
"""Seconds: nobody knows how busy we are after that."""
_OTHERS: Final = "others"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much at once, and who may wait how long."""

    places: Mapping[str, int]
    """By a provider's id, or an endpoint's, which comes first."""
    most: int | None
    """Of the worker, over all providers; None: no bound."""
    queue: int
    """Requests that may wait for each."""
    wait_seconds: float


class Place:
    """One of a lane's places, taken. Whoever has it gives it back; the second time nobody hears."""

    __slots__ = ("_admission", "_lane")

    def __init__(self, admission: "Admission", lane: Lane) -> None:
        self._admission = admission
        self._lane: Lane | None = lane

    def leave(self) -> None:
        """Give it back."""
        lane, self._lane = self._lane, None
        if lane is not None:
            self._admission.left(lane)


class Admission:
    """The places of a worker."""

    def __init__(self, bounds: Bounds, seconds: Callable[[], float]) -> None:
        """`seconds` is a clock that only goes forward."""
        self._bounds = bounds
        self._seconds = seconds
        self._others = Lane(_OTHERS, None)
        self._lanes = {name: Lane(name, bound) for name, bound in bounds.places.items()}
        self._lines = Lines((*self._lanes.values(), self._others), queue=bounds.queue, most=bounds.most)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._lines.waiting

    def has_room(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint can be asked now."""
        return self._lines.has_room and self._lane(endpoint).has_room

    def enter(self, endpoint: Endpoint) -> Place | None:
        """A place to ask the endpoint, now; None: there is none free."""
        lane = self._lane(endpoint)
        return Place(self, lane) if self._lines.enter(lane) else None

    async def wait(self, endpoints: Sequence[Endpoint], priority: Priority) -> tuple[Endpoint, Place]:
        """The first place that is free for us at one of the endpoints. Raises Overloaded, and has none then."""
        for endpoint in endpoints:
            place = self.enter(endpoint)
            if place is not None:
                return endpoint, place
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()

        def told(waiter: Waiter) -> None:
            if not turn.done():
                turn.set_result(None)

        by_lane = {self._lane(endpoint): endpoint for endpoint in reversed(endpoints)}
        lanes = list(reversed(by_lane))
        waiter = self._lines.join(lanes, priority, told)
        if waiter is None:
            raise self._overloaded(lanes, priority, "as many wait as may")
        timer = loop.call_later(self._bounds.wait_seconds, told, waiter)
        try:
            await turn
        except asyncio.CancelledError:
            if waiter.lane is not None:
                self.left(waiter.lane)
            raise
        finally:
            timer.cancel()
            self._lines.quit(waiter)
        if waiter.lane is not None:
            return by_lane[waiter.lane], Place(self, waiter.lane)
        raise self._overloaded(lanes, priority, "the wait was too long, or others more urgent came")

    def left(self, lane: Lane) -> None:
        """A place of this lane is free again."""
        self._lines.leave(lane, self._seconds() if self._lines.waiting else 0.0)

    def _lane(self, endpoint: Endpoint) -> Lane:
        lanes = self._lanes
        return lanes.get(endpoint.id) or lanes.get(endpoint.provider) or self._others

    def _overloaded(self, lanes: Sequence[Lane], priority: Priority, why: str) -> Overloaded:
        wait = self._lines.wait(lanes, priority)
        names = ", ".join(sorted(f"{lane.name} ({lane.bound})" for lane in lanes if lane.bound is not None))
        where = f"all places are taken of {names}" if names else "all places of the gateway are taken"
        return Overloaded(
            f"{where}, and {why}; try again, or ask with a higher priority",
            retry_after=min(self._bounds.wait_seconds if wait is None else wait, _LONGEST_RETRY),
        )


async def held(place: Place, asking: Awaitable[Answer]) -> Answer:
    """The answer, its place given back when its body is closed, or at once where none comes."""
    try:
        answer = await asking
    except BaseException:
        place.leave()
        raise
    return msgspec.structs.replace(answer, body=_Held(answer.body, place))


class _Held:
    """A body that has a place as long as it is open."""

    __slots__ = ("_body", "_place")

    def __init__(self, body: Body, place: Place) -> None:
        self._body = body
        self._place = place

    @property
    def complete(self) -> bool:
        """See Body.complete."""
        return self._body.complete

    def read(self) -> Coroutine[Any, Any, bytes]:
        """See Body.read."""
        return self._body.read()

    def take(self) -> bytes:
        """See Body.take."""
        return self._body.take()

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """See Body.pour; what has ended or broken off needs its place no more, even where another goes on with it."""
        has_more = False
        try:
            has_more = not await self._body.pour(sink)
        finally:
            if not has_more:
                self._place.leave()
        return not has_more

    def close(self) -> None:
        """See Body.close."""
        try:
            self._body.close()
        finally:
            self._place.leave()
