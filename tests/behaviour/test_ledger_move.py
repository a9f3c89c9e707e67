"""`weighbridge ledger move` as a process: killed in the middle and begun anew, and beside a gateway that serves."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.behaviour.test_postgres import Crowd, is_whole, on
from tests.behaviour.worker import process
from tests.engines import Cluster
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.upstream import Upstream
from tests.ledger.made_up import NOW, entry
from weighbridge import db
from weighbridge.db import Server
from weighbridge.ledger import store

ENTRIES = 60_000
SOON = 60


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Server]:
    place = cluster.bare()
    yield place
    cluster.drop(place)


async def moving(home: Path, server: Server) -> asyncio.subprocess.Process:
    """The command, begun."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "weighbridge", "ledger", "move", "--to", server.url),
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "WEIGHBRIDGE_HOME": str(home)},
    )


def count(server: Server) -> int:
    """How many entries have arrived; 0 before there is a table for them."""
    with closing(db.connect(Server(f"{server.url}&application_name=a-look"))) as connection:
        if connection.execute("SELECT to_regclass('entry') IS NULL").fetchone()[0]:
            return 0
        found: int = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
        return found


@pytest.mark.slow
async def test_a_move_that_is_killed_goes_on_where_it_was(tmp_path: Path, server: Server) -> None:
    made = [entry(at=NOW + timedelta(seconds=number)) for number in range(ENTRIES)]
    with closing(db.connect(tmp_path / "ledger.db")) as original:
        db.migrate(original)
        store.add(original, made)
        async with asyncio.timeout(SOON):
            for part in (0, 1, 2):
                begun = await moving(tmp_path, server)
                while await asyncio.to_thread(count, server) <= part * ENTRIES // 4:
                    assert begun.returncode is None, await begun.communicate()
                begun.kill()
                await begun.wait()
            assert 0 < count(server) < ENTRIES
            last = await moving(tmp_path, server)
            said = (await last.communicate())[0].decode()
        assert last.returncode == 0, said
        assert f"{ENTRIES:,} entries" in said
        assert "Next: set WEIGHBRIDGE_DATABASE_URL" in said
        with closing(db.connect(server)) as copy:
            assert store.entries(copy) == store.entries(original)


@pytest.mark.slow
async def test_a_ledger_is_moved_while_its_gateway_serves(tmp_path: Path, server: Server, upstream: Upstream) -> None:
    home, crowd = tmp_path / "home", Crowd()
    async with process(home, near(upstream)) as gateway, asyncio.timeout(SOON):
        clients = asyncio.create_task(crowd.asks(gateway))
        await crowd.have(100)
        going = await moving(home, server)
        assert going.stdout is not None
        said = (await going.stdout.readline()).decode()
        assert "Stop the gateway now" in said
        await crowd.have(200)
        crowd.gone.set()
        await clients
        await gateway.stop()
        more = (await going.communicate())[0].decode()
        assert going.returncode == 0, more
        assert f"{crowd.served.total():,} entries" in more
        key = gateway.key
    is_whole(server, crowd.served)
    async with on(server, home, upstream) as gateway:
        answer = await gateway.ask(ASKED, key=key)
        assert answer.status == 200
        old = next(iter(crowd.served))
        assert (await gateway.get(f"/v1/receipts/{old}", key=key)).status == 200
