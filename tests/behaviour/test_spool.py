"""With a database that is gone, answers go on where they may, and each leaves its one entry when it is back."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.behaviour.worker import Process, process
from tests.engines import Cluster
from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Answer, house
from tests.gateway.upstream import Upstream
from weighbridge.db import Server

SPOOLS = '[ledger]\nwhen_unwritable = "spool"\n'
COST = "0.00000794"


@pytest.fixture
def server(cluster: Cluster) -> Server:
    return cluster.bare()


async def served(gateway: Process, count: int) -> list[str]:
    """The receipts of so many answers."""
    answers: list[Answer] = list(await asyncio.gather(*(gateway.ask(ASKED) for _ in range(count))))
    assert [answer.status for answer in answers] == [200] * count, answers[0].body
    return [answer.receipt for answer in answers]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("killed", [False, True])
async def test_what_is_answered_without_a_database_is_entered_once_when_it_is_back(
    cluster: Cluster, server: Server, tmp_path: Path, upstream: Upstream, killed: bool
) -> None:
    environ = {"WEIGHBRIDGE_DATABASE_URL": server.url}
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(process(tmp_path / "home", SPOOLS + near(upstream), environ))
        receipts = await served(one, 4)
        await asyncio.to_thread(cluster.stop, "immediate")
        try:
            receipts += await served(one, 1)
            receipts += await served(one, 20)
            if killed:
                await one.kill()
        finally:
            await asyncio.to_thread(cluster.start)
        last = one
        if killed:
            last = await stack.enter_async_context(process(tmp_path / "home", SPOOLS + near(upstream), environ))
        async with asyncio.timeout(20):
            while (await last.get("/healthz")).status != 200 or len(last.entries()) < len(receipts):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        receipts += await served(last, 1)
        await last.stop()
        entries = last.entries()
        assert sorted(entry.id for entry in entries) == sorted(receipts)
        for entry in entries:
            assert (entry.ending, entry.status) == ("complete", 200)
            assert entry.charge is not None
            assert (entry.charge.counted_by, f"{entry.charge.cost:f}".rstrip("0")) == ("provider", COST)
        assert not list((tmp_path / "home" / "under-way").iterdir())


async def test_a_full_spool_refuses_and_what_waits_is_written_when_the_file_is_back(
    tmp_path: Path, upstream: Upstream
) -> None:
    toml = f"{SPOOLS}spool_entries = 5\n{near(upstream)}"
    async with house(tmp_path / "home", toml) as here:
        assert (await here.ask()).status == 200
        away = here.ledger.with_name("away.db")
        here.ledger.rename(away)
        try:
            statuses = [(await here.ask()).status for _ in range(8)]
            assert statuses == [200] * 5 + [503] * 3
        finally:
            away.rename(here.ledger)
        async with asyncio.timeout(10):
            while len(here.entries()) < 6:  # noqa: ASYNC110 - a database sends no word
                await asyncio.sleep(0.05)
        assert (await here.ask()).status == 200
        assert {entry.ending for entry in here.entries()} == {"complete"}
        assert len(here.entries()) == 7


async def test_without_it_requests_are_refused(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", near(upstream)) as here:
        assert (await here.ask()).status == 200
        here.ledger.rename(here.ledger.with_name("away.db"))
        assert (await here.ask()).status == 503
        assert (await here.ask()).status == 503
        here.ledger.with_name("away.db").rename(here.ledger)
