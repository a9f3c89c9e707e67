"""A wall clock that jumps while answers are under way: what is timed must not notice, what is dated must."""

import asyncio
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path
from typing import Final

import msgspec

from bench.faults.client import Got
from bench.faults.ground import Faulty, Gateway, faulty, gateway
from bench.faults.provider import Spec

DAY: Final = 86_400
JUMPS: Final = (3_600, -2 * DAY, 400 * DAY, -1, 0)
"""Seconds by which the clock is wrong, one after the other."""
_PATIENCE: Final = 20.0
_MOST_OFF: Final = 5.0
"""Seconds between a request and its entry's date, on the clock as it was set."""


class Jumped(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the requests around one jump. Durations are seconds."""

    off: int
    """By how many seconds the clock was wrong from then on."""
    whole: int
    """Answers, of three: a stream that was under way, one that came after, and one of a provider that had asked for a
    second's rest before."""
    rested: float
    """From the jump until that provider answered."""
    longest: float
    """As the entries have it."""
    dated: bool
    """Whether the entry that came after has the new date."""


def why_not() -> str | None:
    """Why it cannot be tried here; None where it can."""
    if sys.platform != "linux":
        return "another program's clock can be set on Linux only"
    return None if shutil.which("gcc") else "gcc is not installed"


async def jumps(folder: Path) -> list[Jumped]:
    """Each of `JUMPS`, through one gateway whose wall clock we have."""
    with _clock(folder) as (shift, environ):
        async with (
            faulty(Spec()) as provider,
            gateway(folder / "home", _settings(provider.ports.by_path), environ=environ) as ours,
        ):
            found = [await _jump(provider, ours, shift, off) for off in JUMPS]
            await ours.stop()
            return found


async def _jump(provider: Faulty, ours: Gateway, shift: mmap, off: int) -> Jumped:
    """Jump in the middle of a stream, with an endpoint put aside; then go on as if nothing had been."""
    before = {entry.id for entry in ours.entries()}
    async with asyncio.TaskGroup() as group:
        resting = group.create_task(_ask(ours, "busy-at-first"))
        under_way = group.create_task(_ask(ours, "drips"))
        await provider.working(1)
        shift[:] = struct.pack("q", off)
    since = time.perf_counter()
    after = await _ask(ours, "well")
    entries = {entry.id: entry for entry in ours.entries() if entry.id not in before}
    dated = abs(entries[after.receipt or ""].at.timestamp() - time.time() - off) < _MOST_OFF
    rested = resting.result()
    async with asyncio.timeout(_PATIENCE):
        while not rested.whole:
            rested = await _ask(ours, "busy-at-first")
    return Jumped(
        off=off,
        whole=sum(each.whole for each in (under_way.result(), after, rested)),
        rested=round(time.perf_counter() - since, 2),
        longest=round(max(entry.duration for entry in entries.values()), 3),
        dated=dated,
    )


async def _ask(ours: Gateway, provider: str) -> Got:
    client = ours.client()
    said = [{"role": "user", "content": "Hello!"}]
    try:
        return await client.ask({"model": f"{provider}/model", "messages": said, "stream": True})
    finally:
        client.leave()


@contextmanager
def _clock(folder: Path) -> Iterator[tuple[mmap, dict[str, str]]]:
    """Eight bytes that say by how much the clock is wrong, and the environment of a process that goes by it."""
    library, file = folder / "clock.so", folder / "shift"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    file.write_bytes(struct.pack("q", 0))
    with file.open("r+b") as opened, mmap(opened.fileno(), 8) as shift:
        yield shift, {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(file)}


def _settings(port: int) -> str:
    return "".join(
        f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/{name}/v1"
[[providers.{name}.models]]
id = "model"
input = "1"
output = "4"
"""
        for name in ("drips", "well", "busy-at-first")
    )
