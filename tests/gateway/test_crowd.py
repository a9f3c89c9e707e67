"""Many at once: nothing is lost, nothing comes out of order, and those who leave take their upstream with them."""

import asyncio
import random
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Client, House, house
from tests.gateway.upstream import DONE, Call, Upstream, chunk

STREAMED = {**ASKED, "stream": True}
CHUNKS = 100
STREAMS = 256
LEAVERS = 1000
LONG = 60


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for four connections' ends a client: its own, ours, ours to the upstream, and the upstream's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 4 * LEAVERS + 500
    if hard not in (-1, resource.RLIM_INFINITY) and hard < needed:
        pytest.skip(f"a process may have {hard} files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _whole(gateway: House, number: int) -> bytes:
    """One stream to its end, its piece boundaries as they came."""
    client = await gateway.send({**STREAMED, "user": f"u{number}"})
    head = await client.head()
    assert head.status == 200
    pieces = []
    while data := await client.piece():
        pieces.append(data)
    client.leave()
    return b"".join(pieces)


def _chunks(name: str) -> list[bytes]:
    return [chunk({"content": f"{name}:{index} "}) for index in range(CHUNKS)]


@pytest.mark.usefixtures("many_files")
async def test_streams_side_by_side_come_whole_and_in_order(gateway: House, upstream: Upstream) -> None:
    started: list[None] = []
    all_here = asyncio.Event()

    async def script(call: Call) -> None:
        name = call.body.split(b'"user": "')[1].split(b'"')[0].decode()
        await call.start()
        started.append(None)
        if len(started) == STREAMS:
            all_here.set()
        await all_here.wait()
        for each in _chunks(name):
            await call.events([each])
            await asyncio.sleep(0)  # let the others go on
        await call.events([chunk({}, "stop"), DONE])
        await call.end()

    upstream.script = script
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as group:
        streams = [group.create_task(_whole(gateway, number)) for number in range(STREAMS)]
    for number, stream in enumerate(streams):
        assert stream.result() == b"".join(_chunks(f"u{number}")) + chunk({}, "stop") + DONE
    entries = gateway.entries()
    assert Counter(entry.ending for entry in entries) == {"complete": STREAMS}
    assert len({entry.id for entry in entries}) == STREAMS


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
async def test_a_thousand_clients_that_leave_at_once_leave_an_entry_each(tmp_path: Path, upstream: Upstream) -> None:
    left: list[None] = []
    gone = asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events([chunk({"content": "Hello"})])
        await call.left()
        left.append(None)
        if len(left) == LEAVERS:
            gone.set()

    upstream.script = script
    async with asyncio.timeout(LONG), house(tmp_path / "home", near(upstream)) as gateway:
        clients = await asyncio.gather(*(_begun(gateway) for _ in range(LEAVERS)))
        random.Random(7).shuffle(clients)
        for client in clients:
            client.leave()
        await gone.wait()
        while len(entries := gateway.entries()) < LEAVERS:  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.05)
        assert (await gateway.get("/healthz")).status == 200
    assert len(entries) == len({entry.id for entry in entries}) == LEAVERS
    assert Counter((entry.ending, entry.status) for entry in entries) == {("client_left", 499): LEAVERS}
    assert all(entry.charge is not None and entry.charge.usage.completion == 2 for entry in entries)


async def _begun(gateway: House) -> Client:
    """A stream whose first event has come."""
    client = await gateway.send(STREAMED)
    await client.head()
    await client.piece()
    return client
