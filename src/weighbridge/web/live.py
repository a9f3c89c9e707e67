"""What has changed, told to pages that are open: `GET /live`, as server-sent events with topics as their data.

The database is looked at only while somebody listens, once for all of them. A listener has no queue: topics that it has
not been told yet are a set, so that a page which is open for days costs what it costs at first.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Final

from weighbridge.db import Connection
from weighbridge.errors import WeighbridgeError

LOOK_SECONDS: Final = 2.0
HEALTH_SECONDS: Final = 10.0
PULSE_SECONDS: Final = 15.0
"""Between two comments that keep a silent connection open."""
LONGEST_SECONDS: Final = 3600.0
"""Then a listener has to come again, so that it is looked who it is."""
Marks = Mapping[str, object]
"""By topic what changes when it does."""
_SQL: Final = {
    "ledger": "SELECT max(id) FROM entry",
    "switch": "SELECT count(*) FROM switch_rule",
    "plans": "SELECT max(at) FROM switch_replay",
    "certificates": "SELECT max(issued) FROM switch_certificate",
    "log": "SELECT length FROM audit_log_head",
}
_TOPICS: Final = {
    "ledger": ("ledger", "budgets"),
    "switch": ("switch",),
    "plans": ("switch",),
    "certificates": ("switch",),
    "log": ("budgets", "policy", "keys"),
}


def marks(connection: Connection) -> Marks:
    """As of now. Raises db.Error."""
    return {name: connection.execute(sql).fetchone()[0] for name, sql in _SQL.items()}


class Live:
    """For one window. `run` it in the background."""

    def __init__(self, look: Callable[[], Awaitable[Marks]]) -> None:
        self._look = look
        self._listeners: dict[asyncio.Event, set[str]] = {}
        self._wanted = asyncio.Event()
        self._ended = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def run(self) -> None:
        """Look as long as somebody listens, until cancelled."""
        before: Marks = {}
        told_health = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            if not self._listeners:
                before = {}
                self._wanted.clear()
                await self._wanted.wait()
            with contextlib.suppress(WeighbridgeError):  # the page says so where it needs it
                now = await self._look()
                changed = {name for name, mark in now.items() if before and before[name] != mark}
                before = now
                self.tell({topic for name in changed for topic in _TOPICS[name]})
            if clock() - told_health >= HEALTH_SECONDS:
                told_health = clock()
                self.tell({"health"})
            await asyncio.sleep(LOOK_SECONDS)

    def tell(self, topics: set[str]) -> None:
        """Have all listeners told."""
        for event, untold in self._listeners.items():
            untold.update(topics)
            if untold:
                event.set()

    def end(self) -> None:
        """Let all listeners go, for a stop."""
        self._ended = True
        for event in self._listeners:
            event.set()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """One listener's stream."""
        event, untold = asyncio.Event(), set[str]()
        self._listeners[event] = untold
        self._wanted.set()
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_SECONDS
        try:
            yield b"retry: 2000\n\n"
            while not self._ended and clock() < until:
                try:
                    async with asyncio.timeout(PULSE_SECONDS):
                        await event.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                event.clear()
                if untold:
                    data = " ".join(sorted(untold))
                    untold.clear()
                    yield f"data: {data}\n\n".encode()
        finally:
            del self._listeners[event]
