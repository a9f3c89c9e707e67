"""The server that is shared with other machines."""

import asyncio
import time
from collections.abc import Iterator, Mapping

from weighbridge.app.doctor.finding import N_, PLAIN, Finding, Hole
from weighbridge.app.sharing import place_of
from weighbridge.config import ConfigError, Settings
from weighbridge.shared.server import Unavailable
from weighbridge.shared.visit import visit


def of_shared(settings: Settings) -> Iterator[Finding]:
    """Whether it can be used in time, and forgets what is unused before its memory is full. Not from an event loop."""
    if settings.shared.url is None:
        return
    try:
        where, _ = place_of(settings)
        took, said = asyncio.run(_looked_at(settings))
    except (Unavailable, ConfigError) as error:
        step = N_("start it, or mend shared.url; requests go on without it")
        yield Finding("shared server", "failed", PLAIN, {"text": str(error)}, advice=step)
        return
    holes: dict[str, Hole] = {
        "where": str(where),
        "name": "Valkey" if "valkey_version" in said else "Redis",
        "version": said.get("valkey_version") or said.get("redis_version", "?"),
        "took": took * 1000,
        "wait": f"{settings.shared.wait_seconds * 1000:g}",
    }
    yield Finding("shared server", "ok", N_("%(where)s: %(name)s %(version)s answers in %(took)s ms"), holes)
    if took > settings.shared.wait_seconds:
        slow = N_("an answer takes %(took)s ms, and requests wait for %(wait)s ms")
        step = N_("raise shared.wait_seconds, or put the server nearer")
        yield Finding("shared server", "note", slow, holes, advice=step)
    if settings.shared.answers:
        yield from _of_memory(said)


def _of_memory(said: Mapping[str, str]) -> Iterator[Finding]:
    if said.get("maxmemory") == "0":
        step = N_("set maxmemory and maxmemory-policy allkeys-lru there")
        endless = N_("it has no bound of its memory, and answers are kept there")
        yield Finding("shared server", "note", endless, advice=step)
    elif said.get("maxmemory_policy") == "noeviction":
        step = N_("set maxmemory-policy allkeys-lru there")
        full = N_("when its memory is full it takes no more answers (noeviction)")
        yield Finding("shared server", "note", full, advice=step)


async def _looked_at(settings: Settings) -> tuple[float, Mapping[str, str]]:
    """Seconds of one answer, and what it says of itself. Raises Unavailable."""
    async with visit(*place_of(settings)) as ask:
        began = time.perf_counter()
        await ask(b"PING")
        took = time.perf_counter() - began
        found: dict[str, str] = {}
        for section in (b"server", b"memory"):
            said = await ask(b"INFO", section)
            lines = said.decode(errors="replace").splitlines() if isinstance(said, bytes) else []
            found |= dict(line.split(":", 1) for line in lines if ":" in line)
        return took, found
