"""Who waits for whom."""

import asyncio

from tests.cache.made_up import kept
from weighbridge.cache.flights import Flights

PATIENCE = 10


async def test_those_who_wait_are_told_and_a_good_answer_is_known_until_it_is_written() -> None:
    flights = Flights()
    flight = flights.take_off(b"a")
    assert flights.under_way(b"a") is flight
    assert flights.under_way(b"b") is None
    waiting = [asyncio.create_task(flight.outcome(PATIENCE)) for _ in range(3)]
    await asyncio.sleep(0)
    landed = [flight.landed]
    flight.land(kept())
    assert [*landed, flight.landed] == [False, True]
    assert await asyncio.gather(*waiting) == [kept()] * 3
    assert flights.under_way(b"a") is flight
    flight.written()
    assert flights.under_way(b"a") is None


async def test_one_that_comes_to_no_good_end_is_forgotten_at_once() -> None:
    flights = Flights()
    for outcome in ("left", "failed"):
        flight = flights.take_off(b"a")
        flight.land(outcome)
        flight.land(kept())  # not heard
        assert (await flight.outcome(PATIENCE), flights.under_way(b"a")) == (outcome, None)


async def test_who_lands_late_does_not_take_another_with_it() -> None:
    flights = Flights()
    first = flights.take_off(b"a")
    second = flights.take_off(b"a")
    first.land("failed")
    assert flights.under_way(b"a") is second


async def test_who_waited_long_enough_goes_on_and_the_flight_does_too() -> None:
    flights = Flights()
    flight = flights.take_off(b"a")
    assert await flight.outcome(0.01) == "failed"
    assert flights.under_way(b"a") is flight
    flight.land(kept())
    assert await flight.outcome(PATIENCE) == kept()
