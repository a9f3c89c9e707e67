"""Three hosts on one PostgreSQL: one is cut off from it, one is cut off and killed, and nothing is lost or doubled."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.candidates import CONFIG
from bench.counting import Connection, Count, stated
from bench.crowd import Crowd
from bench.replicas import body, compare, entries, spent
from tests.behaviour.namespaces import SUBNETS, Hosts, hosts
from tests.behaviour.worker import Process, process
from tests.engines import Cluster, binaries
from weighbridge import db
from weighbridge.db import Server
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget

REQUESTS = 2500
CLIENTS = 24
SOON = 30


@pytest.fixture(scope="module")
def three() -> Iterator[Hosts]:
    with hosts(3) as made:
        yield made


@pytest.fixture(scope="module")
def networked(three: Hosts) -> Iterator[Cluster]:
    """A PostgreSQL server that is reached over the database's net, and by the test through its socket."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    directory = Path(tempfile.mkdtemp(prefix="wb-pg-"))
    allowed = directory / "allowed"
    allowed.write_text(f"local all all trust\nhost all all {SUBNETS['database']}.0/24 trust\n")
    allowed.chmod(0o644)
    listens = f"-c listen_addresses={SUBNETS['database']}.254 -c hba_file={allowed}"
    try:
        with three.services():
            made = Cluster(programs, directory, options=f"{listens} -F -c shared_buffers=32MB")
        try:
            yield made
        finally:
            made.stop("immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def on(three: Hosts, host: int, place: Server) -> tuple[str, ...]:
    """A command that becomes a worker on this host.

    It finds the database over its net, and gives up what is lost after two seconds, not ten, so that the test is short.
    """
    name = place.url.split("/")[3].split("?")[0]
    patience = "connect_timeout=2&tcp_user_timeout=2000"
    url = f"postgresql://weighbridge@{SUBNETS['database']}.254/{name}?{patience}"
    return (*three.within(host), "env", f"WEIGHBRIDGE_DATABASE_URL={url}")


async def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(SOON):
        while not true():  # noqa: ASYNC110 - counts of clients and of a provider, which send no word
            await asyncio.sleep(0.02)


async def says(gateway: Process, status: int) -> None:
    """Wait until it says that it is ready, or that it is not."""
    async with asyncio.timeout(SOON):
        while (await gateway.get("/readyz")).status != status:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)


async def started(stack: AsyncExitStack, begin: Callable[[], AbstractAsyncContextManager[Process]]) -> Process:
    """A worker that is ready; as `weighbridge up` does, one is begun anew that could not reach the database yet."""
    async with asyncio.timeout(SOON):
        while True:
            each = await stack.enter_async_context(begin())
            with suppress(ConnectionError, EOFError):  # it has ended
                await says(each, 200)
                return each


def is_whole(place: Server, count: Count, crowd: Crowd, amount: int, *, cuts: int) -> None:
    """What the provider counted and clients were told is what the ledger has, and the budget was used by its sum."""
    with closing(db.connect(place)) as connection:
        rows, (used, at_work, granted) = entries(connection), spent(connection)
    found = compare(bytes(count.times), crowd.statuses, rows, body())
    assert not found.differences
    assert found.untold <= cuts * CLIENTS, "those of one group for each link that was cut"
    assert used == sum(row.cost for row in rows) <= amount
    assert (at_work, granted) == (0, 0), "nobody has anything in advance"
    assert amount - used < amount // 100, "what those had in advance that were cut off came back"


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("when_unwritable", ["refuse", "spool"])
async def test_a_host_that_is_cut_off_and_one_that_dies_lose_and_double_nothing(
    three: Hosts, networked: Cluster, tmp_path: Path, when_unwritable: str
) -> None:
    place, count = networked.bare(), Count()
    amount = sum(stated(number).cost for number in range(REQUESTS)) // 2
    with closing(db.connect(place)) as connection:
        db.migrate(connection)
        table.put(connection, Budget("", "all", "", "usd", "total", amount, datetime.now(UTC)))
    listening = three.listen()
    upstream = "{}:{}".format(*listening.getsockname())
    toml = f'{CONFIG.format(upstream=upstream)}\n[ledger]\nwhen_unwritable = "{when_unwritable}"\n'
    environ = {"WEIGHBRIDGE_DATABASE_URL": place.url}  # the test itself goes there by the socket

    def charged() -> int:
        return sum(times * stated(number).cost for number, times in enumerate(count.times) if times)

    async with AsyncExitStack() as stack:
        server = await asyncio.get_running_loop().create_server(lambda: Connection(count), sock=listening)
        stack.callback(server.close)
        steady, cut, dies = [
            await stack.enter_async_context(process(tmp_path / f"{host}", toml, environ, within=on(three, host, place)))
            for host in (1, 2, 3)
        ]
        for each in (steady, cut, dies):
            await says(each, 200)
        ports = [each.port for each in (steady, cut, dies)]
        crowd = Crowd([("127.0.0.1", port) for port in ports], steady.key, body(), limit=10**9, pause=0.2)
        asking = asyncio.create_task(crowd.ask(CLIENTS))
        await until(lambda: len(crowd.statuses) > REQUESTS // 10)
        for host in (2, 3):
            stack.callback(three.link, host, "database", "up")
            three.link(host, "database", "down")
        await until(lambda: "cannot be looked after" in cut.said.read_text())
        asked = len(crowd.statuses)
        await until(lambda: len(crowd.statuses) > asked + REQUESTS // 10)
        await dies.kill()
        assert charged() <= amount, "not even while they are cut off"
        for host in (2, 3):
            three.link(host, "database", "up")
        await says(cut, 200)
        again = await started(stack, lambda: process(tmp_path / "3", toml, environ, within=on(three, 3, place)))
        crowd.replicas = [*crowd.replicas[:2], ("127.0.0.1", again.port)]
        crowd.limit = len(crowd.statuses) + REQUESTS
        await asking
        for each in (steady, cut, again):
            await each.stop()
    is_whole(place, count, crowd, amount, cuts=2)
    for host in (2, 3):
        assert not list((tmp_path / f"{host}" / "under-way").iterdir()), "nothing waits any more"
