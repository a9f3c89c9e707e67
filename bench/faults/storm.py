"""Many requests through the gateway to endpoints that live by schedules; clients ask once, whatever comes of it."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from bench.faults.client import Client, Got
from bench.faults.episodes import Episode
from bench.faults.ground import Faulty, Gateway, faulty, gateway
from bench.faults.provider import Answered, Spec
from bench.faults.provider import name as endpoint
from weighbridge.ledger.entry import Entry

PATIENCE: Final = 2.0
"""Seconds the gateway waits for an answer's head, and for more of it."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What is sent, and what it meets. `schedules` are the endpoints', `rate` is requests a second."""

    schedules: Sequence[Sequence[Episode]]
    requests: int
    rate: float
    seed: int = 1


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


async def weather(folder: Path, storms: Sequence[Storm]) -> list[Weathered]:
    """All of them, one after the other, through one gateway that lives in `folder`."""
    spec = Spec(storms=[[list(each) for each in storm.schedules] for storm in storms])
    async with faulty(spec) as provider, gateway(folder / "home", _settings(provider.ports.scheduled)) as ours:
        sent = [await _send(provider, ours, storm, number) for number, storm in enumerate(storms)]
        await ours.stop()
        log, by_model = await provider.log(), _by_model(ours.entries())
    return [
        Weathered(
            storm,
            notes,
            by_model[model(number)],
            {name: log[name] for name in (endpoint(number, each) for each in range(len(storm.schedules)))},
            seconds,
        )
        for number, (storm, (notes, seconds)) in enumerate(zip(storms, sent, strict=True))
    ]


def model(storm: int) -> str:
    """What is asked for in a storm."""
    return f"faults/storm{storm}"


def _by_model(entries: Iterable[Entry]) -> defaultdict[str | None, list[Entry]]:
    found: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.asked_model].append(entry)
    return found


async def _send(provider: Faulty, ours: Gateway, storm: Storm, number: int) -> tuple[list[Note], float]:
    """Each request at its time, whatever became of those before; all notes, and the seconds it took."""
    chance = random.Random(storm.seed)
    resting: list[Client] = []
    notes: list[Note] = []
    await provider.go(number)
    since = time.perf_counter()

    async def one(body: dict[str, object]) -> None:
        client = resting.pop() if resting else ours.client()
        at = time.perf_counter() - since
        got = await client.ask(body)
        notes.append(Note(at, replace(got, body=b"")))
        resting.append(client)

    async with asyncio.TaskGroup() as group:
        for turn in range(storm.requests):
            await asyncio.sleep(max(0.0, turn / storm.rate - (time.perf_counter() - since)))
            group.create_task(one(_body(model(number), turn, streamed=chance.random() < 0.5)))
    for client in resting:
        client.leave()
    return notes, time.perf_counter() - since


def _body(model: str, turn: int, *, streamed: bool) -> dict[str, object]:
    said = {"role": "user", "content": f"How warm is it in Zürich? I ask for the {turn}th time."}
    body: dict[str, object] = {"model": model, "messages": [said], "max_tokens": 100}
    return body | {"stream": True, "stream_options": {"include_usage": True}} if streamed else body


def _settings(ports: Sequence[Sequence[int]]) -> str:
    steps = "\n".join(f"{step}_timeout_seconds = {PATIENCE}" for step in ("connect", "first_byte", "idle"))
    endpoints = (
        _endpoint(storm, number, port) for storm, those in enumerate(ports) for number, port in enumerate(those)
    )
    return f"[upstream]\n{steps}\n" + "".join(endpoints)


def _endpoint(storm: int, number: int, port: int) -> str:
    price, name = prices(number), endpoint(storm, number)
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/v1"
[[providers.{name}.models]]
id = "model"
model = "{model(storm)}"
input = "{_dollars(price.prompt)}"
output = "{_dollars(price.completion)}"
cache_read = "{_dollars(price.cached)}"
"""


def _dollars(a_billion: int) -> Decimal:
    """For a million tokens."""
    return Decimal(a_billion).scaleb(-3)
