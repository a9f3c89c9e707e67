"""The cache in real processes: killed while it writes, and with its disk full. No request is the worse for it."""

import asyncio
import random
import resource
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.behaviour.worker import Process, process
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.upstream import ANSWER, Call, Upstream

ON = "x-weighbridge-cache: on\r\n"
CLIENTS = 16
ROUNDS = 4
LONG = 60


def asked(number: int) -> dict[str, object]:
    """One of many requests."""
    return {**ASKED, "messages": [{"role": "user", "content": f"Say {number}."}]}


async def says_it_again(call: Call) -> None:
    """Answer with what was asked, at some length."""
    number = call.body.split(b"Say ")[1].split(b".")[0].decode()
    message = {"role": "assistant", "content": f"{number}x" + random.Random(number).randbytes(1500).hex()}
    await call.answer({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


class Crowd:
    """Clients that ask again and again until the gateway is gone or there are enough answers; each is looked at."""

    def __init__(self, gateway: Process, numbers: random.Random, *, enough: int) -> None:
        self._gateway = gateway
        self._numbers = numbers
        self._enough = enough
        self.right = 0
        self.served = asyncio.Event()

    async def run(self, *, until_gone: bool = False) -> None:
        """Until there are enough, or nobody answers any more."""
        await asyncio.gather(*(self._client(until_gone) for _ in range(CLIENTS)))

    async def _client(self, until_gone: bool) -> None:
        while self._gateway.process.returncode is None and (until_gone or self.right < self._enough):
            number = self._numbers.randrange(200)
            try:
                answer = await self._gateway.ask(asked(number), headers=ON)
            except (ConnectionError, asyncio.IncompleteReadError):
                return
            if answer.broken:
                return
            assert answer.status == 200
            assert f'"content": "{number}x' in answer.body.decode()
            self.right += 1
            if self.right >= self._enough:
                self.served.set()


@pytest.mark.slow
async def test_a_worker_killed_while_it_writes_leaves_whole_answers_or_none(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = says_it_again
    numbers = random.Random(2026)
    settings = "[cache]\nshared = true\n" + near(upstream)  # each round has a key of its own
    size = 0
    for _ in range(ROUNDS):
        async with process(tmp_path / "home", settings) as gateway, asyncio.timeout(LONG):
            crowd = Crowd(gateway, numbers, enough=numbers.randint(20, 150))
            clients = asyncio.create_task(crowd.run(until_gone=True))
            await crowd.served.wait()
            await asyncio.sleep(numbers.random() / 100)  # at any step of a write
            await gateway.kill()
            await clients
        with closing(sqlite3.connect(tmp_path / "home" / "cache.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            total, size = connection.execute(
                "SELECT (SELECT bytes FROM total), coalesce(sum(size), 0) FROM answer"
            ).fetchone()
            assert total == size
    assert size > 0
    async with process(tmp_path / "home", settings) as gateway:
        await Crowd(gateway, numbers, enough=400).run()
        await gateway.stop()
    hits = [entry for entry in gateway.entries() if entry.provider is None and entry.charge is not None]
    assert len(hits) > 100


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits can be set on Linux only")
async def test_a_full_disk_keeps_nothing_and_breaks_nothing(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = says_it_again
    home = tmp_path / "home"
    async with process(home, near(upstream)) as gateway, asyncio.timeout(LONG):
        await Crowd(gateway, random.Random(1), enough=150).run()
        files = [home / "cache.db", home / "cache.db-wal"]
        room = max(file.stat().st_size for file in files)
        assert room > 2 * gateway.ledger.with_name("ledger.db-wal").stat().st_size  # so that the ledger has room yet
        soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (room + 4096, hard))
        answers = [await gateway.ask(asked(number), headers=ON) for number in range(1000, 1040)]
        assert [answer.status for answer in answers] == [200] * 40
        assert "cannot be used" in gateway.said.read_text()
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        while (await gateway.ask(asked(2000), headers=ON)).headers["x-weighbridge-cache"] != "hit":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await gateway.stop()
    said = gateway.said.read_text()
    assert said.count("cannot be used") == 1
    assert "the cache can be used again" in said
