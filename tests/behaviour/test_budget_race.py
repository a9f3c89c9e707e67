"""Many clients at several workers, some of which are killed: a budget is not exceeded, and no request is forgotten."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.behaviour.worker import Process, process
from tests.engines import Cluster
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.upstream import Call, Upstream, plainly
from weighbridge import db
from weighbridge.db import Connection, Server, microseconds
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.bound import TEMPLATE
from weighbridge.ledger.budgets.budget import Budget, window
from weighbridge.ledger.budgets.uses import Use, uses
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Entry

FULL = {**ASKED, "max_tokens": 10}
COST = 7_940_000
MOST = (len(json.dumps(FULL)) + TEMPLATE) * 270_000 + 10 * 1_100_000


@dataclass(frozen=True)
class Ground:
    """What workers stand on: one machine with a file, or machines of their own with a database that they share."""

    folder: Path
    server: Server | None

    def home(self, name: str) -> Path:
        """The data directory of the worker of this name: with a file it is one for all."""
        home = self.folder / ("home" if self.server is None else name)
        home.mkdir(exist_ok=True)
        return home

    def worker(self, upstream: Upstream, name: str) -> AbstractAsyncContextManager[Process]:
        """A worker on it."""
        environ = {} if self.server is None else {"WEIGHBRIDGE_DATABASE_URL": self.server.url}
        return process(self.home(name), near(upstream), environ)

    def connect(self) -> closing[Connection]:
        """The database, to be closed."""
        return closing(db.connect(self.folder / "home" / "ledger.db" if self.server is None else self.server))

    def put(self, amount: int) -> Budget:
        """A budget in total, before any worker is there."""
        self.home("home")
        with self.connect() as connection:
            db.migrate(connection)
            return table.put(connection, Budget("", "all", "", "usd", "total", amount, datetime.now(UTC)))

    def used(self, budget: Budget) -> Use:
        """How it stands."""
        begins = window(budget.period, microseconds(datetime.now(UTC))).begins
        with self.connect() as connection:
            (found,) = uses(connection, {budget.id: begins})
            return found


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    if request.param == "sqlite":
        return Ground(tmp_path, None)
    cluster: Cluster = request.getfixturevalue("cluster")
    return Ground(tmp_path, cluster.bare())


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
async def test_two_workers_share_a_budget_to_its_end(ground: Ground, upstream: Upstream) -> None:
    amount = MOST + 400 * COST
    budget = ground.put(amount)
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(ground.worker(upstream, name)) for name in ("one", "two")]
        assert [(await each.get("/healthz")).status for each in (one, two)] == [200, 200]
        await asyncio.sleep(1.5)  # they look for each other once a second
        await asyncio.gather(until_spent(one, 8), until_spent(two, 8))
        entries = one.entries()
        use = ground.used(budget)
        assert use.used == costs(entries) <= amount
        answered = [entry for entry in entries if entry.status == 200]
        assert amount - use.used < MOST, "what is left covers no request"
        assert len({entry.id[16:26] for entry in answered}) == 2, "both had a part"
        await one.stop()
        await two.stop()
        assert ground.used(budget) == Use(use.claim, use.used, 0), "nobody has anything in advance"


@pytest.mark.timeout(120)
async def test_what_a_killed_worker_had_under_way_is_settled_by_the_most_it_can_have_cost(
    ground: Ground, upstream: Upstream
) -> None:
    amount = MOST * 40
    budget = ground.put(amount)
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
        one = await stack.enter_async_context(ground.worker(upstream, "mortal"))
        for _ in range(3):
            assert (await one.ask(FULL)).status == 200
        clients = [await one.send(FULL) for _ in range(10)]
        await waiting.wait()
        await one.kill()
        for client in clients:
            client.leave()
        upstream.script = plainly
        two = await stack.enter_async_context(ground.worker(upstream, "mortal"))
        assert (await two.ask(FULL)).status == 200
        entries = two.entries()
        dead = [entry for entry in entries if entry.error == "worker_died"]
        assert len(entries) == 14
        assert len(dead) == 10
        for entry in dead:
            assert entry.charge is not None
            assert (entry.ending, entry.provider, entry.charge.counted_by) == ("stopped", "near", "bound")
            assert int((entry.charge.cost or 0) / SMALLEST) == MOST
        assert ground.used(budget).used == costs(entries) == 10 * MOST + 4 * COST
        await two.kill()
        three = await stack.enter_async_context(ground.worker(upstream, "mortal"))
        assert (await three.ask(FULL)).status == 200
        assert len(three.entries()) == 15, "what was recovered is not recovered again"
        use = ground.used(budget)
        assert use.used == costs(three.entries())


@pytest.mark.timeout(120)
async def test_killed_again_and_again_no_cent_is_lost_and_none_is_overrun(ground: Ground, upstream: Upstream) -> None:
    amount = MOST * 60
    budget = ground.put(amount)
    served = 0

    async def count(call: Call) -> None:
        nonlocal served
        served += 1
        await plainly(call)

    upstream.script = count
    async with AsyncExitStack() as stack:
        steady = await stack.enter_async_context(ground.worker(upstream, "steady"))
        for _ in range(4):
            mortal = await stack.enter_async_context(ground.worker(upstream, "mortal"))
            asking = asyncio.create_task(until_spent(mortal, 6))
            beside = asyncio.create_task(until_spent(steady, 2))
            await asyncio.sleep(0.6)
            await mortal.kill()
            await asking
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        last = await stack.enter_async_context(ground.worker(upstream, "mortal"))
        assert (await last.get("/healthz")).status == 200
        await steady.stop()
        await last.stop()
        entries = last.entries()
        assert ground.used(budget).used == costs(entries) <= amount
        worked = [entry for entry in entries if entry.charge is not None]
        assert len(worked) >= served, "whatever reached the provider has an entry"
        assert len({entry.id for entry in entries}) == len(entries)


@pytest.mark.timeout(60)
async def test_a_worker_beside_one_that_died_writes_what_it_had_under_way(tmp_path: Path, upstream: Upstream) -> None:
    asked = asyncio.Event()

    async def never(call: Call) -> None:
        asked.set()
        await call.left()

    upstream.script = never
    here = Ground(tmp_path, None)
    async with here.worker(upstream, "one") as one, here.worker(upstream, "two") as two:
        assert (await two.get("/healthz")).status == 200
        client = await one.send(FULL)
        await asked.wait()
        await one.kill()
        client.leave()
        entry = await two.entry()
        assert (entry.error, entry.charge is not None and entry.charge.counted_by) == ("worker_died", "estimate")
