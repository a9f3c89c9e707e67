"""Many requests through the gateway to endpoints that live by schedules; clients ask once, whatever comes of it."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from bench.faults.client import Client, Got
from bench.faults.episodes import Episode
from bench.faults.ground import Gateway, faulty, gateway
from bench.faults.provider import Answered, Spec
from weighbridge.ledger.entry import Entry

MODEL: Final = "faults/model"
PATIENCE: Final = 2.0
"""Seconds the gateway waits for an answer's head, and for more of it."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What is sent, and what it meets. `schedules` are the endpoints', `rate` is requests a second."""

    schedules: Sequence[Sequence[Episode]]
    requests: int
    rate: float
    seed: int = 1
    routing: str = ""
    """More settings, in TOML."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of one endpoint: whole dollars for a billion tokens, so that a cost is a whole number of 1e-9 dollars."""

    prompt: int
    cached: int
    completion: int

    def cost(self, answered: Answered) -> Decimal:
        """US dollars."""
        fresh = answered.prompt - answered.cached
        total = fresh * self.prompt + answered.cached * self.cached + answered.completion * self.completion
        return Decimal(total).scaleb(-9)


def prices(endpoint: int) -> Prices:
    """Each endpoint is a little dearer than the one before."""
    return Prices(200 + 10 * endpoint, 50 + endpoint, 900 + 30 * endpoint)


@dataclass(frozen=True, slots=True)
class Note:
    """One request: when it was sent, in seconds from the schedules' beginning, and what came of it."""

    at: float
    got: Got


@dataclass(frozen=True, slots=True)
class Weathered:
    """All that is known afterwards."""

    storm: Storm
    notes: list[Note]
    entries: list[Entry]
    log: dict[str, list[Answered]]
    seconds: float


async def weather(folder: Path, storm: Storm) -> Weathered:
    """Send it all, through one gateway that lives in `folder`, and let that end. Raises RuntimeError if it does not."""
    schedules = [list(each) for each in storm.schedules]
    async with (
        faulty(Spec(schedules=schedules)) as provider,
        gateway(folder / "home", _settings(provider.ports.scheduled, storm)) as ours,
    ):
        await provider.go()
        since = time.perf_counter()
        notes = await _send(ours, storm, since)
        seconds = time.perf_counter() - since
        await ours.stop()
        return Weathered(storm, notes, ours.entries(), await provider.log(), seconds)


async def _send(ours: Gateway, storm: Storm, since: float) -> list[Note]:
    """Each request at its time, whatever became of those before."""
    chance = random.Random(storm.seed)
    resting: list[Client] = []
    notes: list[Note] = []

    async def one(body: dict[str, object]) -> None:
        client = resting.pop() if resting else ours.client()
        at = time.perf_counter() - since
        got = await client.ask(body)
        notes.append(Note(at, replace(got, body=b"")))
        resting.append(client)

    async with asyncio.TaskGroup() as group:
        for number in range(storm.requests):
            due = number / storm.rate - (time.perf_counter() - since)
            await asyncio.sleep(max(0.0, due))
            group.create_task(one(_body(number, streamed=chance.random() < 0.5)))
    for client in resting:
        client.leave()
    return notes


def _body(number: int, *, streamed: bool) -> dict[str, object]:
    said = {"role": "user", "content": f"How warm is it in Zürich? I ask for the {number}th time."}
    body: dict[str, object] = {"model": MODEL, "messages": [said], "max_tokens": 100}
    return body | {"stream": True, "stream_options": {"include_usage": True}} if streamed else body


def _settings(ports: Sequence[int], storm: Storm) -> str:
    steps = "\n".join(f"{step}_timeout_seconds = {PATIENCE}" for step in ("connect", "first_byte", "idle"))
    return f"[upstream]\n{steps}\n{storm.routing}\n" + "".join(map(_endpoint, range(len(ports)), ports))


def _endpoint(number: int, port: int) -> str:
    price = prices(number)
    return f"""
[providers.e{number}]
base_url = "http://127.0.0.1:{port}/v1"
[[providers.e{number}.models]]
id = "model-at-{number}"
model = "{MODEL}"
input = "{_dollars(price.prompt)}"
output = "{_dollars(price.completion)}"
cache_read = "{_dollars(price.cached)}"
"""


def _dollars(a_billion: int) -> Decimal:
    """For a million tokens."""
    return Decimal(a_billion).scaleb(-3)
