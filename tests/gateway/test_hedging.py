"""A second endpoint beside one that is slow to begin: who wins, who pays, and how often it may be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateway.house import Gateway
from tests.gateway.test_retries import ASKED_ALL, STREAMED, answers, served
from tests.gateway.upstream import DONE, Call, Script, Upstream, plainly

HEDGED = "retries = 0\nhedge = true\nhedge_percent = 100\nhedge_max_cost = 1\nbreaker_failures = 100\noutlier_times = 0"
KNOWN = 25
"""Requests after which it is known what is slow."""


class Turning:
    """A script that can be exchanged while the gateway runs."""

    def __init__(self, script: Script = plainly) -> None:
        self.script = script
        self.asked = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        self.asked.set()
        await self.script(call)


async def hangs(call: Call) -> None:
    """Never answer."""
    await call.left()


@asynccontextmanager
async def known(
    home: Path, routing: str = HEDGED, *, streamed: bool = False
) -> AsyncIterator[tuple[Gateway, tuple[Upstream, Turning], tuple[Upstream, Turning]]]:
    """A gateway that knows how fast its first provider usually is, and has another."""
    first, second = Turning(), Turning()
    async with served(home, [first, second], routing) as (gateway, upstreams):
        for _ in range(KNOWN):
            assert (await gateway.ask(STREAMED if streamed else ASKED_ALL)).status == 200
        for turning in (first, second):
            turning.asked.clear()
        for upstream in upstreams:
            upstream.calls.clear()
        yield gateway, (upstreams[0], first), (upstreams[1], second)


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_second_answers_while_the_first_hangs(tmp_path: Path, streamed: bool) -> None:
    async with known(tmp_path / "home", streamed=streamed) as (gateway, (_, first), _second):
        first.script = hangs
        answer = await gateway.ask(STREAMED if streamed else ASKED_ALL)
        (entry,) = gateway.entries()[KNOWN:]
    assert answer.status == 200
    assert not streamed or answer.body.endswith(DONE)
    assert [(one.provider, one.error) for one in entry.attempts] == [("first", "hedge_lost"), ("second", None)]
    assert (entry.ending, entry.provider) == ("complete", "second")
    lost, won = entry.attempts
    assert lost.charge is not None
    assert won.charge is not None
    assert (lost.charge.counted_by, won.charge.counted_by) == ("estimate", "provider")
    assert lost.charge.usage.completion == 0
    assert entry.charge is not None
    assert lost.charge.cost is not None
    assert won.charge.cost is not None
    assert entry.charge.cost == lost.charge.cost + won.charge.cost
    if not streamed:
        assert Decimal(answer.headers["x-weighbridge-cost"]) == entry.charge.cost


async def test_the_first_wins_all_the_same_if_it_begins_first(tmp_path: Path) -> None:
    async with known(tmp_path / "home") as (gateway, (_, first), (_, second)):

        async def late(call: Call) -> None:
            await second.asked.wait()
            await plainly(call)

        first.script, second.script = late, hangs
        answer = await gateway.ask(ASKED_ALL)
        (entry,) = gateway.entries()[KNOWN:]
    assert answer.status == 200
    assert [(one.provider, one.error) for one in entry.attempts] == [("second", "hedge_lost"), ("first", None)]
    second_began, first_began = (one.began for one in entry.attempts)
    assert first_began is not None
    assert second_began is not None
    assert first_began < second_began
    assert (entry.ending, entry.provider) == ("complete", "first")
    assert entry.attempts[0].charge is not None


async def test_the_loser_is_called_off(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def notes_that_we_left(call: Call) -> None:
        await call.left()
        gone.set()

    async with known(tmp_path / "home") as (gateway, (_, first), _second):
        first.script = notes_that_we_left
        assert (await gateway.ask(ASKED_ALL)).status == 200
        async with asyncio.timeout(5):
            await gone.wait()


@pytest.mark.parametrize("other", ["answers", "fails"])
async def test_where_the_first_fails_the_second_goes_on_alone(tmp_path: Path, other: str) -> None:
    async with known(tmp_path / "home") as (gateway, (_, first), (upstream, second)):
        failed = asyncio.Event()

        async def fails_late(call: Call) -> None:
            await second.asked.wait()
            await answers(500)(call)
            failed.set()

        async def goes_on(call: Call) -> None:
            await failed.wait()
            await (plainly if other == "answers" else answers(503))(call)

        first.script, second.script = fails_late, goes_on
        answer = await gateway.ask(ASKED_ALL)
        (entry,) = gateway.entries()[KNOWN:]
        calls = len(upstream.calls)
    errors = [("first", "upstream_error"), ("second", None if other == "answers" else "upstream_error")]
    assert [(one.provider, one.error) for one in entry.attempts] == errors
    assert (answer.status, entry.ending) == ((200, "complete") if other == "answers" else (502, "upstream_broke"))
    assert calls == 1, "whoever was asked ahead of turn is not asked again in its turn"
    assert entry.attempts[0].charge is None


async def test_where_the_second_fails_the_first_goes_on_alone(tmp_path: Path) -> None:
    async with known(tmp_path / "home") as (gateway, (_, first), (_, second)):
        failed = asyncio.Event()

        async def fails(call: Call) -> None:
            await answers(500)(call)
            failed.set()

        async def late(call: Call) -> None:
            await failed.wait()
            await asyncio.sleep(0.05)
            await plainly(call)

        first.script, second.script = late, fails
        answer = await gateway.ask(ASKED_ALL)
        (entry,) = gateway.entries()[KNOWN:]
    assert answer.status == 200
    assert [(one.provider, one.error) for one in entry.attempts] == [("second", "upstream_error"), ("first", None)]
    assert entry.charge is not None
    assert entry.charge.counted_by == "provider", "who failed is charged nothing"


async def test_a_client_that_leaves_while_both_run_pays_for_both(tmp_path: Path) -> None:
    async with known(tmp_path / "home") as (gateway, (_, first), (_, second)):
        first.script = second.script = hangs
        client = await gateway.send(ASKED_ALL)
        async with asyncio.timeout(5):
            await second.asked.wait()
        client.leave()
        entry = await gateway.entry(after=KNOWN)
    assert entry.ending == "client_left"
    assert {one.provider for one in entry.attempts} == {"first", "second"}
    costs = [one.charge.cost for one in entry.attempts if one.charge is not None and one.charge.cost is not None]
    assert len(costs) == 2
    assert entry.charge is not None
    assert entry.charge.cost == sum(costs)


UNHEDGED: dict[str, tuple[str, str]] = {
    "switched off": (HEDGED.replace("hedge = true", "hedge = false"), ""),
    "by the request": (HEDGED, "x-weighbridge-hedge: 0\r\n"),
    "too dear": (HEDGED.replace("max_cost = 1", "max_cost = 0.000001"), ""),
}


@pytest.mark.parametrize("case", UNHEDGED)
async def test_there_is_no_second_where_it_is_not_wanted(tmp_path: Path, case: str) -> None:
    routing, headers = UNHEDGED[case]
    async with known(tmp_path / "home", routing) as (gateway, (_, first), (upstream, _)):

        async def slow(call: Call) -> None:
            await asyncio.sleep(0.3)
            await plainly(call)

        first.script = slow
        answer = await gateway.ask(ASKED_ALL, headers=headers)
        assert (answer.status, len(upstream.calls)) == (200, 0)


async def test_a_request_may_ask_for_it(tmp_path: Path) -> None:
    routing = HEDGED.replace("hedge = true", "hedge = false")
    async with known(tmp_path / "home", routing) as (gateway, (_, first), (upstream, _)):
        first.script = hangs
        answer = await gateway.ask(ASKED_ALL, headers="x-weighbridge-hedge: 1\r\n")
        assert (answer.status, len(upstream.calls)) == (200, 1)


async def test_nobody_knows_yet_what_is_slow(tmp_path: Path) -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.05)
        await plainly(call)

    async with served(tmp_path / "home", [slow, plainly], HEDGED) as (gateway, (first, second)):
        for _ in range(10):
            assert (await gateway.ask(ASKED_ALL)).status == 200
        assert (len(first.calls), len(second.calls)) == (10, 0)


async def test_second_requests_have_a_budget(tmp_path: Path) -> None:
    routing = HEDGED.replace("hedge_percent = 100", "hedge_percent = 10")
    async with known(tmp_path / "home", routing) as (gateway, (_, first), (upstream, _)):

        async def slow(call: Call) -> None:
            await asyncio.sleep(0.2)
            await plainly(call)

        first.script = slow
        answers_ = await asyncio.gather(*(gateway.ask(ASKED_ALL) for _ in range(60)))
        assert {one.status for one in answers_} == {200}
        assert 0 < len(upstream.calls) <= 10 + 6


async def test_who_was_called_off_is_asked_again_where_the_faster_one_breaks_off(tmp_path: Path) -> None:
    async with known(tmp_path / "home", streamed=True) as (gateway, (_, first), (upstream, second)):
        begun = asyncio.Event()

        async def begins_late_and_dies(call: Call) -> None:
            await second.asked.wait()
            await call.start()
            await begun.wait()
            call.die()

        async def hangs_once(call: Call) -> None:
            second.script = plainly
            await call.left()
            begun.set()

        first.script, second.script = begins_late_and_dies, hangs_once
        answer = await gateway.ask(STREAMED)
        (entry,) = gateway.entries()[KNOWN:]
        calls = len(upstream.calls)
    assert (answer.status, calls) == (200, 2)
    errors = [("second", "hedge_lost"), ("first", "upstream_error"), ("second", None)]
    assert [(one.provider, one.error) for one in entry.attempts] == errors
    assert entry.charge is not None
    assert entry.charge.cost == sum(one.charge.cost or 0 for one in entry.attempts if one.charge is not None)
