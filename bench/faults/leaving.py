"""Clients that all leave in the middle of their answers, at once."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench.faults.client import Client
from bench.faults.ground import Gateway, faulty, gateway
from bench.faults.provider import Spec

_AT_ONCE: Final = 256
"""Clients that connect at the same time."""
_OTHER_FILES: Final = 500
_ASKED: Final[dict[str, object]] = {"model": "well/model", "messages": [{"role": "user", "content": "Hello!"}]}


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What became of them. Durations are seconds."""

    clients: int
    entries: int
    endings: dict[str, int]
    """How many entries of each ending and status, such as `client_left 499`."""
    costs: dict[str, int]
    """How many entries of each cost; `none` where there is no charge."""
    until_entered: float
    """From the first that left to the last entry."""
    until_closed: float
    """From the first that left to the last connection that the provider saw closed."""
    answers_after: bool
    """Whether the gateway answers as before."""


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Room for so many open files. Raises OSError where the system does not allow them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in (-1, resource.RLIM_INFINITY) and hard < count:
        raise OSError(f"a process may have {hard} files open here, and it takes {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def leave_at_once(folder: Path, clients: int) -> Left:
    """Begin so many streams, break all of them off, and wait for their entries. Raises OSError, TimeoutError."""
    with many_files(clients + _OTHER_FILES):
        async with faulty(Spec()) as provider:
            settings = _settings(provider.ports.by_path, clients)
            async with gateway(folder / "home", settings, workers=2) as ours:
                crowd = await _begun(ours, clients)
                since = time.perf_counter()
                for client in crowd:
                    client.leave()
                entries = await ours.entered(clients)
                until_entered = time.perf_counter() - since
                await provider.working(0)
                until_closed = time.perf_counter() - since
                late = ours.client()
                last = await late.ask(_ASKED)
                late.leave()
                await ours.stop()
    costs = ["none" if each.charge is None else str(each.charge.cost) for each in entries]
    return Left(
        clients=clients,
        entries=len({each.id for each in entries}),
        endings=dict(Counter(f"{each.ending} {each.status}" for each in entries)),
        costs=dict(Counter(costs)),
        until_entered=round(until_entered, 2),
        until_closed=round(until_closed, 2),
        answers_after=last.whole,
    )


async def _begun(ours: Gateway, clients: int) -> list[Client]:
    """So many clients, each with the first event of its stream."""
    crowd = [ours.client() for _ in range(clients)]
    body = {**_ASKED, "model": "begins/model", "stream": True}
    waiting = iter(crowd)

    async def some() -> None:
        for client in waiting:
            await client.begin(body)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(some())
    return crowd


def _settings(port: int, clients: int) -> str:
    return f"[upstream]\nmax_connections_per_origin = {clients}\n" + "".join(
        f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/{name}/v1"
[[providers.{name}.models]]
id = "model"
input = "1"
output = "4"
"""
        for name in ("begins", "well")
    )
