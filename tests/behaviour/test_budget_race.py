"""Many clients at several workers, some of which are killed: a budget is not exceeded, and no request is forgotten."""

import asyncio
import json
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.behaviour.worker import Process, process
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.upstream import Call, Upstream, plainly
from weighbridge import db
from weighbridge.db import microseconds
from weighbridge.ledger.budgets import leases, table
from weighbridge.ledger.budgets.bound import TEMPLATE
from weighbridge.ledger.budgets.budget import Budget, window
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Entry

FULL = {**ASKED, "max_tokens": 10}
COST = 7_940_000
MOST = (len(json.dumps(FULL)) + TEMPLATE) * 270_000 + 10 * 1_100_000


def put(ledger: Path, amount: int) -> Budget:
    """A budget in total, before any worker is there."""
    with closing(db.connect(ledger)) as connection:
        db.migrate(connection)
        return table.put(connection, Budget("", "all", "", "usd", "total", amount, datetime.now(UTC)))


def used(ledger: Path, budget: Budget) -> leases.Use:
    """How it stands."""
    begins = window(budget.period, microseconds(datetime.now(UTC))).begins
    with closing(db.connect(ledger)) as connection:
        (found,) = leases.uses(connection, {budget.id: begins})
        return found


def costs(entries: list[Entry]) -> int:
    """Of all, in 1e-12 dollars."""
    return sum(int(each.charge.cost / SMALLEST) for each in entries if each.charge and each.charge.cost)


async def until_spent(here: Process, clients: int) -> None:
    """Ask until there is nothing left, or nobody to ask."""

    async def one() -> None:
        while True:
            try:
                answer = await here.ask(FULL)
            except (ConnectionError, asyncio.IncompleteReadError):
                return
            if answer.status == 402:
                return
            if answer.status != 200:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(clients)))


@pytest.mark.timeout(120)
async def test_two_workers_share_a_budget_to_its_end(tmp_path: Path, upstream: Upstream) -> None:
    home = tmp_path / "home"
    home.mkdir()
    amount = MOST + 400 * COST
    budget = put(home / "ledger.db", amount)
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(process(home, near(upstream))) for _ in range(2)]
        assert [(await each.get("/healthz")).status for each in (one, two)] == [200, 200]
        await asyncio.sleep(1.5)  # they look for each other once a second
        await asyncio.gather(until_spent(one, 8), until_spent(two, 8))
        entries = one.entries()
        use = used(one.ledger, budget)
        assert use.used == costs(entries) <= amount
        answered = [entry for entry in entries if entry.status == 200]
        assert amount - use.used < MOST, "what is left covers no request"
        assert len({entry.id[16:26] for entry in answered}) == 2, "both had a part"
        await one.stop()
        await two.stop()
        assert used(one.ledger, budget) == leases.Use(use.claim, use.used, 0), "nobody has anything in advance"


@pytest.mark.timeout(120)
async def test_what_a_killed_worker_had_under_way_is_settled_by_the_most_it_can_have_cost(  # noqa: PLR0915
    tmp_path: Path, upstream: Upstream
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    amount = MOST * 40
    budget = put(home / "ledger.db", amount)
    waiting = asyncio.Event()

    async def never(call: Call) -> None:
        if len(upstream.calls) == 13:
            waiting.set()
        if len(upstream.calls) <= 3:
            await plainly(call)
        else:
            await call.left()

    upstream.script = never
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(process(home, near(upstream)))
        for _ in range(3):
            assert (await one.ask(FULL)).status == 200
        clients = [await one.send(FULL) for _ in range(10)]
        await waiting.wait()
        await one.kill()
        for client in clients:
            client.leave()
        upstream.script = plainly
        two = await stack.enter_async_context(process(home, near(upstream)))
        assert (await two.ask(FULL)).status == 200
        entries = two.entries()
        dead = [entry for entry in entries if entry.error == "worker_died"]
        assert len(entries) == 14
        assert len(dead) == 10
        for entry in dead:
            assert entry.charge is not None
            assert (entry.ending, entry.provider, entry.charge.counted_by) == ("stopped", "near", "bound")
            assert int((entry.charge.cost or 0) / SMALLEST) == MOST
        assert used(two.ledger, budget).used == costs(entries) == 10 * MOST + 4 * COST
        await two.kill()
        three = await stack.enter_async_context(process(home, near(upstream)))
        assert (await three.ask(FULL)).status == 200
        assert len(three.entries()) == 15, "what was recovered is not recovered again"
        use = used(three.ledger, budget)
        assert use.used == costs(three.entries())


@pytest.mark.timeout(120)
async def test_killed_again_and_again_no_cent_is_lost_and_none_is_overrun(tmp_path: Path, upstream: Upstream) -> None:
    home = tmp_path / "home"
    home.mkdir()
    amount = MOST * 60
    budget = put(home / "ledger.db", amount)
    served = 0

    async def count(call: Call) -> None:
        nonlocal served
        served += 1
        await plainly(call)

    upstream.script = count
    async with AsyncExitStack() as stack:
        steady = await stack.enter_async_context(process(home, near(upstream)))
        for _ in range(4):
            mortal = await stack.enter_async_context(process(home, near(upstream)))
            asking = asyncio.create_task(until_spent(mortal, 6))
            beside = asyncio.create_task(until_spent(steady, 2))
            await asyncio.sleep(0.6)
            await mortal.kill()
            await asking
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        last = await stack.enter_async_context(process(home, near(upstream)))
        assert (await last.get("/healthz")).status == 200
        await steady.stop()
        await last.stop()
        entries = last.entries()
        assert used(last.ledger, budget).used == costs(entries) <= amount
        worked = [entry for entry in entries if entry.charge is not None]
        assert len(worked) >= served, "whatever reached the provider has an entry"
        assert len({entry.id for entry in entries}) == len(entries)
