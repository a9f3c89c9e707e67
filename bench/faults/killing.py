"""A worker that is killed under load, again and again: `weighbridge up` starts it anew, and the ledger has it all."""

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import msgspec

from bench.faults.client import Got
from bench.faults.ground import Gateway, faulty, gateway
from bench.faults.provider import Spec

_CLIENTS = 32
_ASKED: dict[str, object] = {"model": "well/model", "messages": [{"role": "user", "content": "Hello!"}]}
_STREAMED = {**_ASKED, "stream": True, "stream_options": {"include_usage": True}}
_SETTINGS = """
[providers.well]
base_url = "http://127.0.0.1:{port}/well/v1"
[[providers.well.models]]
id = "model"
input = "1"
output = "4"
"""


class Killed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. Durations are seconds."""

    kills: int
    whole: int
    """Answers that a client saw to their end."""
    broken: int
    """Requests that broke off: the worker they were at was killed."""
    entries: int
    missing: int
    """Whole answers without exactly one entry, complete and charged."""
    charged_twice: int
    """Answers of the provider that two entries have."""
    longest_pause: float
    """From a kill to the next whole answer."""


async def kill_again_and_again(folder: Path, *, kills: int, seed: int) -> Killed:
    """Ask without a pause, and kill the worker at moments drawn from the seed. Raises TimeoutError, RuntimeError."""
    chance = random.Random(seed)
    settings = _SETTINGS.format
    async with faulty(Spec()) as provider, gateway(folder / "home", settings(port=provider.ports.by_path)) as ours:
        crowd = _Crowd(ours)
        clients = asyncio.create_task(crowd.run())
        pauses = [await _kill(ours, crowd, number, chance.randint(1, 300)) for number in range(kills)]
        crowd.enough = True
        await clients
        await ours.stop()
        entries = ours.entries()
    by_id = {entry.id: entry for entry in entries if entry.ending == "complete" and entry.charge is not None}
    answers = [entry.upstream_request for entry in entries if entry.upstream_request is not None]
    whole = [got.receipt for got in crowd.got if got.whole]
    return Killed(
        kills=kills,
        whole=len(whole),
        broken=sum(not got.whole for got in crowd.got),
        entries=len(entries),
        missing=sum(receipt not in by_id for receipt in whole) + len(whole) - len(set(whole)),
        charged_twice=len(answers) - len(set(answers)),
        longest_pause=round(max(pauses), 2),
    )


async def _kill(ours: Gateway, crowd: "_Crowd", number: int, answers: int) -> float:
    """Kill the worker after so many answers; seconds until there was another one."""
    worker = await ours.worker(after=number)
    await crowd.answered(answers)
    os.kill(worker, signal.SIGKILL)
    since = time.perf_counter()
    await ours.worker(after=number + 1)
    await crowd.answered(1)
    return time.perf_counter() - since


class _Crowd:
    """Clients that ask again and again, every second one for streams."""

    def __init__(self, ours: Gateway) -> None:
        self._ours = ours
        self.got: list[Got] = []
        self.enough = False
        self._whole = 0
        self._wanted = 0
        self._heard = asyncio.Event()

    async def run(self) -> None:
        """Until it is enough."""
        await asyncio.gather(*(self._client(_STREAMED if number % 2 else _ASKED) for number in range(_CLIENTS)))

    async def answered(self, count: int) -> None:
        """Return once there are so many more whole answers."""
        self._wanted = self._whole + count
        self._heard.clear()
        await self._heard.wait()

    async def _client(self, body: dict[str, object]) -> None:
        client = self._ours.client()
        while not self.enough:
            got = await client.ask(body)
            self.got.append(got)
            self._whole += got.whole
            if self._whole >= self._wanted:
                self._heard.set()
        client.leave()
