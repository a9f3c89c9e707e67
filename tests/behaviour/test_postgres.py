"""A gateway whose ledger is on PostgreSQL, in processes of their own, while the database goes away and comes back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Literal

import pytest

from tests.behaviour.worker import Process, process
from tests.engines import Cluster
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.upstream import Upstream
from weighbridge import db
from weighbridge.db import Server
from weighbridge.ledger import rollups

CLIENTS = 8
LONG = 60
SOON = 20


@pytest.fixture
def server(cluster: Cluster) -> Server:
    """An empty database, not migrated."""
    return cluster.bare()


@asynccontextmanager
async def on(server: Server, home: Path, upstream: Upstream) -> AsyncIterator[Process]:
    """A worker whose ledger is there."""
    async with process(home, near(upstream), {"WEIGHBRIDGE_DATABASE_URL": server.url}) as gateway:
        yield gateway


class Crowd:
    """Clients that ask again and again, and note what they were answered."""

    def __init__(self) -> None:
        self.served: Counter[str] = Counter()
        self.refused = 0
        self.gone = asyncio.Event()

    async def asks(self, gateway: Process) -> None:
        """Until it is told that this is enough."""
        await asyncio.gather(*(self._client(gateway) for _ in range(CLIENTS)))

    async def _client(self, gateway: Process) -> None:
        while not self.gone.is_set():
            answer = await gateway.ask(ASKED)
            if answer.status == 200:
                self.served[answer.receipt] += 1
            else:
                assert answer.status == 503, answer.body
                assert b"ledger_unavailable" in answer.body
                self.refused += 1
                await asyncio.sleep(0.01)

    async def have(self, more: int) -> None:
        """Wait until so many more were served."""
        enough = self.served.total() + more
        async with asyncio.timeout(SOON):
            while self.served.total() < enough:  # noqa: ASYNC110 - clients are counted as they are served
                await asyncio.sleep(0.01)

    async def are_refused(self) -> None:
        """Wait until one is turned away."""
        before = self.refused
        async with asyncio.timeout(SOON):
            while self.refused == before:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)


def is_whole(server: Server, served: Counter[str]) -> None:
    """Every answer that was seen has its entry, once; and the sums are those of the entries."""
    with closing(db.connect(server)) as connection:
        rows = connection.execute("SELECT id, ending, cost FROM receipt").fetchall()
        written = Counter(id_ for id_, _, _ in rows)
        assert {id_: written[id_] for id_ in served} == dict.fromkeys(served, 1)
        assert written.total() == len(written), "an entry is there twice"
        assert all(cost for id_, _, cost in rows if id_ in served)
        assert rollups.differences(connection) == []


async def test_a_gateway_serves_from_an_empty_database(server: Server, tmp_path: Path, upstream: Upstream) -> None:
    async with on(server, tmp_path / "home", upstream) as gateway:
        answer = await gateway.ask(ASKED)
        assert answer.status == 200
        (entry,) = gateway.entries()
        assert (entry.id, entry.ending) == (answer.receipt, "complete")
        shown = await gateway.get(f"/v1/receipts/{answer.receipt}")
        assert (shown.status, answer.receipt in shown.body.decode()) == (200, True)
        await gateway.stop()
    assert not (tmp_path / "home" / "ledger.db").exists()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_while_the_database_restarts_requests_are_refused_and_no_entry_is_lost_or_doubled(
    cluster: Cluster, server: Server, tmp_path: Path, upstream: Upstream, mode: Literal["fast", "immediate"]
) -> None:
    async with on(server, tmp_path / "home", upstream) as gateway, asyncio.timeout(LONG):
        crowd = Crowd()
        clients = asyncio.create_task(crowd.asks(gateway))
        for _ in range(2):
            await crowd.have(200)
            await asyncio.to_thread(cluster.stop, mode)
            try:
                await crowd.are_refused()
                assert (await gateway.get("/readyz")).status == 503
            finally:
                await asyncio.to_thread(cluster.start)
            await crowd.have(200)
        crowd.gone.set()
        await clients
        await gateway.stop()
    is_whole(server, crowd.served)


@pytest.mark.slow
async def test_three_gateways_share_one_database_and_connections_that_break_lose_nothing(
    cluster: Cluster, server: Server, tmp_path: Path, upstream: Upstream
) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(LONG):
        gateways = [await stack.enter_async_context(on(server, tmp_path / f"{one}", upstream)) for one in range(3)]
        for gateway in gateways:  # one that has not begun yet gives up where it cannot begin
            assert (await gateway.ask(ASKED)).status == 200
        crowd = Crowd()
        clients = [asyncio.create_task(crowd.asks(gateway)) for gateway in gateways]
        for _ in range(3):
            await crowd.have(200)
            await asyncio.to_thread(cluster.cut_off, server)
        await crowd.have(200)
        await gateways[0].kill()
        crowd.gone.set()
        await asyncio.gather(*clients, return_exceptions=True)
        for gateway in gateways[1:]:
            await gateway.stop()
    is_whole(server, crowd.served)


async def test_a_key_that_is_made_at_one_gateway_opens_the_other(
    server: Server, tmp_path: Path, upstream: Upstream
) -> None:
    async with on(server, tmp_path / "one", upstream) as one, on(server, tmp_path / "other", upstream) as other:
        await one.until("/v1/models", other.key, 200)
        answer = await one.ask(ASKED, key=other.key)
        assert answer.status == 200
