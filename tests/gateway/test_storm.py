"""All that survives failures at once, at random: hedges, halves, the cache, places and lines, clients that leave."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.gateway.test_hedging import HEDGED
from tests.gateway.test_resume import FULL, STREAMED, Json, check_sum, documents, dying, goes_on, three
from tests.gateway.upstream import DONE, Call

REQUESTS: Final = 300
AT_ONCE: Final = 40
BOUNDS: Final = "breaker_seconds = 0.1\n[admission]\nmax_concurrent = 12\nmax_queue = 30\nmax_wait_seconds = 2\n"


class Weather:
    """What upstreams and clients do, by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    async def upstream(self, call: Call) -> None:
        """Answer, more or less."""
        chance = self.random.random()
        await asyncio.sleep(self.random.choice((0, 0, 0, 0.005, 0.02, 0.1)))
        if chance < 0.08:
            status = self.random.choice((429, 500, 503, 400, 401))
            await call.answer({"error": {"message": "no"}}, status, "retry-after: 0\r\n")
        elif chance < 0.12:
            call.die()
        elif not json.loads(call.body).get("stream"):
            await call.answer()
        elif chance < 0.4:
            how = self.random.choice(("reset", "end", "half an event", "half a chunk", "error"))
            await dying(FULL[: self.random.randrange(len(FULL))], how)(call)
        else:
            await goes_on(call)

    def request(self) -> tuple[dict[str, object], str]:
        """A body and headers."""
        question = {"role": "user", "content": f"Question {self.random.randrange(12)}"}
        body: dict[str, object] = {**STREAMED, "messages": [question]}
        if self.random.random() < 0.4:
            body = {name: value for name, value in body.items() if not name.startswith("stream")}
        headers = "".join(
            self.random.choice(("", *(f"x-weighbridge-{name}: {value}\r\n" for value in values)))
            for name, values in (("resume", "11"), ("cache", ("on", "on", "refresh")), ("priority", ("high", "low")))
        )
        return body, headers


def _alone(body: bytes) -> list[Json]:
    return [json.loads(body)]


@pytest.mark.parametrize("seed", range(2))
async def test_each_leaves_one_entry_that_adds_up_and_nothing_is_kept(tmp_path: Path, seed: int) -> None:
    weather = Weather(seed)
    told: dict[str, Decimal] = {}
    routing = HEDGED.removeprefix("retries = 0\n") + "\n" + BOUNDS
    async with three(tmp_path / "home", *[weather.upstream] * 3, routing=routing) as (gateway, _):
        turns = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            body, headers = weather.request()
            async with turns:
                client = await gateway.send(body, headers=headers, target="/api/v1/chat/completions")
                try:
                    if weather.random.random() < 0.15:
                        await asyncio.sleep(weather.random.random() / 20)
                        return
                    answer = await client.answer()
                finally:
                    client.leave()
            whole = DONE in answer.body or not body.get("stream")
            for each in (documents if body.get("stream") else _alone)(answer.body) if whole else []:
                if "cost" in (each.get("usage") or {}):
                    told[answer.receipt] = Decimal(str(each["usage"]["cost"]))

        async with asyncio.timeout(40):
            await asyncio.gather(*(one() for _ in range(REQUESTS)))
            while len(entries := {entry.id: entry for entry in gateway.entries()}) < REQUESTS:  # noqa: ASYNC110 - a database sends no word
                await asyncio.sleep(0.01)
        lines = gateway.worker._dispatch.admission
        assert lines is not None
        assert (lines._lines._busy, lines._lines.waiting) == (0, 0)
    assert len(gateway.entries()) == REQUESTS
    assert len(told) > REQUESTS / 4
    for receipt, cost in told.items():
        charge = entries[receipt].charge
        assert charge is not None
        assert charge.cost == cost
    for entry in entries.values():
        assert entry.error != "internal_error"
        if any(attempt.charge is not None for attempt in entry.attempts):
            check_sum(entry)
