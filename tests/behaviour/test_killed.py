"""kill -9 under load: whatever a client saw complete is in the ledger, once, and the ledger opens clean."""

import asyncio
import random
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.behaviour.worker import Process, process
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.upstream import DONE, EVENTS, Call, Upstream
from weighbridge import db
from weighbridge.ledger.entry import Entry

CLIENTS = 32
ROUNDS = 4
LONG = 60
STREAMED = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}


class Crowd:
    """Clients that ask again and again, every second one for streams, and note the receipts of whole answers."""

    def __init__(self, gateway: Process, *, enough: int) -> None:
        self._gateway = gateway
        self._enough = enough
        self.receipts: list[str] = []
        self.broken = 0
        self.served = asyncio.Event()

    async def run(self) -> None:
        """Until the gateway is gone."""
        await asyncio.gather(*(self._client(STREAMED if number % 2 else ASKED) for number in range(CLIENTS)))

    async def _client(self, body: object) -> None:
        while self._gateway.process.returncode is None:
            try:
                answer = await self._gateway.ask(body)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.broken += 1
                return
            if answer.broken or (body is STREAMED and not answer.body.endswith(DONE)):
                self.broken += 1
                return
            assert answer.status == 200
            self.receipts.append(answer.receipt)
            if len(self.receipts) >= self._enough:
                self.served.set()


@pytest.mark.slow
async def test_every_answer_that_was_seen_whole_is_in_the_ledger_once(tmp_path: Path, upstream: Upstream) -> None:
    moments = random.Random(2026)
    seen: list[str] = []
    entries: list[Entry] = []
    broken = 0
    for _ in range(ROUNDS):
        async with process(tmp_path / "home", near(upstream)) as gateway, asyncio.timeout(LONG):
            crowd = Crowd(gateway, enough=moments.randint(1, 400))
            clients = asyncio.create_task(crowd.run())
            await asyncio.wait((asyncio.create_task(crowd.served.wait()), clients), return_when="FIRST_COMPLETED")
            await asyncio.sleep(moments.random() / 100)  # so that it may die at any step of a request
            await gateway.kill()
            await clients
        seen += crowd.receipts
        broken += crowd.broken
        _is_clean(gateway.ledger)
        entries = gateway.entries()
        written = Counter(entry.id for entry in entries)
        assert {receipt: written[receipt] for receipt in seen} == dict.fromkeys(seen, 1)
    assert len(set(seen)) == len(seen) > ROUNDS
    assert broken > 0, "nobody was cut off: nothing was tested"
    assert all(entry.charge is not None and entry.charge.cost for entry in entries if entry.id in set(seen))


def _is_clean(ledger: Path) -> None:
    with closing(db.connect(ledger)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_worker_that_is_asked_to_stop_ends_what_is_under_way(tmp_path: Path, upstream: Upstream) -> None:
    stopping = asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await stopping.wait()
        await call.events(EVENTS[2:])
        await call.end()

    upstream.script = script
    async with process(tmp_path / "home", near(upstream)) as gateway, asyncio.timeout(LONG):
        client = await gateway.send(STREAMED)
        head = await client.head()
        body = await client.piece()
        gateway.process.terminate()
        while await gateway.listens():  # noqa: ASYNC110 - a signal sends no word
            await asyncio.sleep(0.01)
        stopping.set()
        while data := await client.piece():
            body += data
        client.leave()
        assert await gateway.process.wait() == 0, gateway.said.read_text()
    assert body.endswith(DONE)
    assert [(entry.id, entry.ending) for entry in gateway.entries()] == [(head.receipt, "complete")]


async def test_a_stream_that_was_cut_off_by_a_kill_is_known_by_what_the_provider_called_it(
    tmp_path: Path, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-7\r\n"
        await call.send(head + b"transfer-encoding: chunked\r\n\r\n")
        await call.events(EVENTS[:2])
        await asyncio.Event().wait()

    upstream.script = script
    async with process(tmp_path / "home", near(upstream)) as gateway, asyncio.timeout(LONG):
        client = await gateway.send({**STREAMED, "user": "alice"})
        head = await client.head()
        await client.piece()
        await gateway.kill()
        client.leave()
    async with process(tmp_path / "home", near(upstream)) as again, asyncio.timeout(LONG):
        await again.get("/healthz")
        (entry,) = again.entries()
    assert (entry.id, entry.error, entry.upstream_request) == (head.receipt, "worker_died", "req-7")
    assert (entry.user, entry.streamed) == ("alice", True)
