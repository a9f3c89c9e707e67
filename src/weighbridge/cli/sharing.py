"""What `doctor` finds of the server that is shared with other machines."""

import asyncio
import time
from collections.abc import Iterator, Mapping

from weighbridge.app.sharing import place_of
from weighbridge.cli.findings import Finding
from weighbridge.config import ConfigError, Settings
from weighbridge.shared.server import Unavailable
from weighbridge.shared.visit import visit

_ABOUT = "shared server"
_STEP = "start it, or mend shared.url; requests go on without it"


def of_shared(settings: Settings) -> Iterator[Finding]:
    """Whether it can be used in time, and forgets what is unused before its memory is full."""
    if settings.shared.url is None:
        return
    try:
        where, _ = place_of(settings)
        took, said = asyncio.run(_looked_at(settings))
    except (Unavailable, ConfigError) as error:
        yield Finding(_ABOUT, "failed", str(error), _STEP)
        return
    milliseconds = f"{took * 1000:.1f} ms"
    name = "Valkey" if "valkey_version" in said else "Redis"
    version = said.get("valkey_version") or said.get("redis_version", "?")
    yield Finding(_ABOUT, "ok", f"{where}: {name} {version} answers in {milliseconds}")
    if took > settings.shared.wait_seconds:
        said_so = f"an answer takes {milliseconds}, and requests wait for {settings.shared.wait_seconds * 1000:g} ms"
        yield Finding(_ABOUT, "note", said_so, "raise shared.wait_seconds, or put the server nearer")
    policy = said.get("maxmemory_policy", "")
    if settings.shared.answers and said.get("maxmemory") == "0":
        step = "set maxmemory and maxmemory-policy allkeys-lru there"
        yield Finding(_ABOUT, "note", "it has no bound of its memory, and answers are kept there", step)
    elif settings.shared.answers and policy == "noeviction":
        said_so = "when its memory is full it takes no more answers (noeviction)"
        yield Finding(_ABOUT, "note", said_so, "set maxmemory-policy allkeys-lru there")


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
