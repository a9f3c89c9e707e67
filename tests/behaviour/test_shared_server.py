"""Two gateways of separate ledgers and a server between them that is killed, held and started anew while they serve."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.behaviour.worker import Process, process
from tests.gateway.house import PATIENCE, Answer
from tests.gateway.test_failover import MODEL, serves
from tests.gateway.upstream import Upstream
from tests.valkey import Valkey, valkey

WAIT = 0.05
LONGEST = 5.0
"""Seconds that no request takes here: waits for the server are a twentieth, the rest is a machine busy with others."""


@dataclass
class Two:
    """Gateways as processes, their provider, and what is between them."""

    gateways: tuple[Process, Process]
    provider: Upstream
    server: Valkey
    numbers: "count[int]" = field(default_factory=count)
    took: list[float] = field(default_factory=list)

    async def asked(self, which: int, words: str) -> Answer:
        """What is kept of this, or a new answer."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": words}]}
        began = time.perf_counter()
        answer = await self.gateways[which].ask(body, headers="x-weighbridge-cache: on\r\n")
        self.took.append(time.perf_counter() - began)
        assert (answer.status, answer.broken) == (200, False), answer.body
        return answer

    async def are_shared(self) -> None:
        """Return when an answer of the one is given by the other."""
        async with asyncio.timeout(PATIENCE):
            while True:
                words = f"words {next(self.numbers)}"
                await self.asked(0, words)
                await asyncio.sleep(0.05)
                if (await self.asked(1, words)).headers["x-weighbridge-cache"] == "hit":
                    return

    async def ready(self, which: int) -> list[str]:
        """What /readyz warns of."""
        answer = await self.gateways[which].get("/readyz")
        assert answer.status == 200
        warnings = answer.document["warnings"]
        assert isinstance(warnings, list)
        return [str(each) for each in warnings]


@asynccontextmanager
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        server = stack.enter_context(valkey())
        provider = Upstream(models=())
        await provider.listen()
        stack.push_async_callback(provider.close)
        toml = serves("a", provider.port, "1") + "[cache]\nshared = true\n"
        toml += f'[shared]\nurl = "{server.url}"\nwait_seconds = {WAIT}\n'
        first = await stack.enter_async_context(process(tmp_path / "one", toml))
        second = await stack.enter_async_context(process(tmp_path / "two", toml))
        yield Two((first, second), provider, server)


@pytest.mark.slow
async def test_nobody_notices_that_the_server_is_killed_held_or_comes_back(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        await both.are_shared()
        stop = asyncio.Event()

        async def load(which: int) -> None:
            while not stop.is_set():
                await both.asked(which, f"load {next(both.numbers) % 50}")

        async with asyncio.TaskGroup() as group:
            for which in (0, 1) * 4:
                group.create_task(load(which))
            for harm, mend in ((both.server.kill, both.server.start), (both.server.hold, both.server.go_on)):
                harm()
                for which in (0, 1):
                    await warned(both, which, is_well=False)
                asked = len(both.took)
                while len(both.took) < asked + 100:  # noqa: ASYNC110 - it goes on
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(mend)
                for which in (0, 1):
                    await warned(both, which, is_well=True)
                await both.are_shared()
            stop.set()
        assert max(both.took) < LONGEST
        for gateway in both.gateways:
            said = gateway.said.read_text()
            assert 1 <= said.count("requests go on without it") <= 3, said
            assert said.count("is well again") == said.count("requests go on without it")


async def warned(both: Two, which: int, *, is_well: bool) -> None:
    """Return when /readyz warns of the server, or does not."""
    async with asyncio.timeout(PATIENCE):
        while bool(await both.ready(which)) is is_well:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)
