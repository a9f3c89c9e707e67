"""Requests that wait for a place, and what becomes of them: at the seam where they wait."""

import asyncio
from collections.abc import Callable

import pytest

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import Overloaded, UpstreamBusy
from weighbridge.gateway.admission import Admission, Bounds, Place, held
from weighbridge.providers.base import Answer, Whole
from weighbridge.wire.preferences import Priority

NEAR, FAR = Endpoint("near", "tiny", "lab/tiny"), Endpoint("far", "tiny", "lab/tiny")
OTHER = Endpoint("other", "tiny", "lab/tiny")
ENGINE, SECOND = Endpoint("local", "a", "lab/a"), Endpoint("local", "b", "lab/b")


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def admission(
    clock: Callable[[], float] | None = None, *, queue: int = 10, wait: float = 60, most: int | None = None
) -> Admission:
    places = {"near": 1, "far": 1, "local/a": 2}
    return Admission(Bounds(places, most, queue=queue, wait_seconds=wait), clock or Clock())


def taken(here: Admission, endpoint: Endpoint) -> Place:
    place = here.enter(endpoint)
    assert place is not None
    return place


async def waiting(here: Admission, priority: Priority = "normal", *endpoints: Endpoint) -> "asyncio.Task[Place]":
    """Someone who stands in line."""

    async def stand() -> Place:
        return (await here.wait(endpoints or (NEAR,), priority))[1]

    task = asyncio.create_task(stand())
    await asyncio.sleep(0)
    return task


def test_a_provider_has_the_places_it_was_given_and_an_engine_of_ours_its_own() -> None:
    here = admission()
    assert here.enter(NEAR) is not None
    assert (here.enter(NEAR), here.has_room(NEAR), here.has_room(FAR)) == (None, False, True)
    assert [here.enter(ENGINE) is not None for _ in range(3)] == [True, True, False]
    assert all(here.enter(SECOND) is not None and here.enter(OTHER) is not None for _ in range(50)), (
        "they have no bound"
    )


def test_a_place_is_given_back_once() -> None:
    here = admission()
    place = taken(here, NEAR)
    place.leave()
    place.leave()
    assert here.enter(NEAR) is not None
    assert here.enter(NEAR) is None


async def test_who_waits_is_served_by_priority_then_by_arrival() -> None:
    here = admission()
    place = taken(here, NEAR)
    served: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        _, mine = await here.wait((NEAR,), priority)
        served.append(name)
        mine.leave()

    asked: list[tuple[str, Priority]] = [("l", "low"), ("n1", "normal"), ("n2", "normal"), ("h", "high")]
    async with asyncio.TaskGroup() as group:
        for name, priority in asked:
            group.create_task(ask(name, priority))
        await asyncio.sleep(0)
        place.leave()
    assert served == ["h", "n1", "n2", "l"]


async def test_a_free_place_is_taken_without_waiting_and_the_first_endpoint_first() -> None:
    here = admission()
    place = taken(here, NEAR)
    assert (await here.wait((NEAR, FAR), "low"))[0] is FAR
    place.leave()
    assert (await here.wait((NEAR, FAR), "low"))[0] is NEAR


async def test_whichever_endpoint_is_free_first_is_asked() -> None:
    here = admission()
    near, far = taken(here, NEAR), taken(here, FAR)
    waiter = await waiting(here, "normal", NEAR, FAR)
    far.leave()
    await waiter
    near.leave()
    assert (here.has_room(NEAR), here.has_room(FAR)) == (True, False)


async def test_who_leaves_while_it_waits_frees_its_place_in_the_line() -> None:
    here = admission(queue=1)
    place = taken(here, NEAR)
    first = await waiting(here)
    first.cancel()
    await asyncio.wait((first,))
    second = await waiting(here)
    place.leave()
    (await second).leave()
    assert here.enter(NEAR) is not None


async def test_who_leaves_at_the_moment_its_turn_comes_keeps_nothing() -> None:
    here = admission()
    place = taken(here, NEAR)
    first, second = await waiting(here), await waiting(here)
    place.leave()  # the first has its turn, and has not heard of it
    first.cancel()
    (await second).leave()
    assert first.cancelled() or first.done()
    assert here.enter(NEAR) is not None


async def test_when_the_line_is_full_the_least_urgent_is_turned_away_at_once() -> None:
    here = admission(queue=2)
    place = taken(here, NEAR)
    low, normal = await waiting(here, "low"), await waiting(here)
    high = await waiting(here, "high")
    with pytest.raises(Overloaded, match=r"all places are taken of near \(1\)"):
        await low
    with pytest.raises(Overloaded, match="as many wait as may"):
        await here.wait((NEAR,), "normal")
    place.leave()
    (await high).leave()
    (await normal).leave()


async def test_who_has_waited_too_long_is_turned_away() -> None:
    here = admission(wait=0.02)
    place = taken(here, NEAR)
    with pytest.raises(Overloaded, match="the wait was too long") as refused:
        await here.wait((NEAR,), "high")
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (503, "overloaded", 0.02)
    place.leave()
    assert here.enter(NEAR) is not None


async def test_when_to_come_again_is_told_by_the_pace_of_late() -> None:
    clock = Clock()
    here = admission(clock, queue=3)
    place = taken(here, NEAR)
    line = [await waiting(here) for _ in range(3)]
    for at, task in enumerate(line[:2]):
        clock.now = 4.0 * (at + 1)
        place.leave()
        place = await task
    line += [await waiting(here), await waiting(here)]
    with pytest.raises(Overloaded) as refused:
        await here.wait((NEAR,), "normal")
    assert refused.value.retry_after == 16.0, "three wait, and each takes four seconds"
    for task in line[2:]:
        task.cancel()


async def test_the_bound_of_the_worker_holds_for_providers_without_one() -> None:
    here = admission(most=2)
    first, second = taken(here, OTHER), taken(here, NEAR)
    assert (here.enter(OTHER), here.enter(FAR)) == (None, None)
    waiter = await waiting(here, "normal", OTHER)
    first.leave()
    (await waiter).leave()
    second.leave()
    taken(here, OTHER)


def answer() -> Answer:
    return Answer(b"application/json", Whole(b"{}"), "provider", str)


async def test_an_answer_has_its_place_until_its_body_is_closed() -> None:
    here = admission()

    async def asking() -> Answer:
        return answer()

    got = await held(taken(here, NEAR), asking())
    assert here.enter(NEAR) is None
    assert got.body.complete
    assert await got.body.read() == b"{}"
    assert here.enter(NEAR) is None, "it was read, and may be told yet"
    got.body.close()
    got.body.close()
    taken(here, NEAR)


async def test_an_attempt_that_gives_no_answer_gives_its_place_back() -> None:
    here = admission()

    async def asking() -> Answer:
        raise UpstreamBusy("busy")

    with pytest.raises(UpstreamBusy):
        await held(taken(here, NEAR), asking())
    taken(here, NEAR)


async def test_an_attempt_that_is_called_off_gives_its_place_back() -> None:
    here = admission()

    async def asking() -> Answer:
        await asyncio.sleep(60)
        return answer()

    task = asyncio.create_task(held(taken(here, NEAR), asking()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    taken(here, NEAR)
