"""What has changed, told to pages that are open: `GET /live`, as server-sent events with topics as their data.

The database is looked at only while somebody listens, once for all of them. A listener has no queue: topics that it has
not been told yet are a set, so that a page which is open for days costs what it costs at first. A page says how things
stood before it was made, so that it is told what has changed until it listened.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
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


def stamp_of(found: Marks) -> str:
    """Marks in a few letters, for an address."""
    return ".".join(blake2b(repr(found[name]).encode(), digest_size=6).hexdigest() for name in _SQL)


def _since(stamp: str, now: Marks) -> set[str]:
    """The topics that have changed since a page was stamped; none where the stamp is none of ours."""
    then, there = stamp.split("."), stamp_of(now).split(".")
    if len(then) != len(there):
        return set()
    changed = (name for name, a, b in zip(_SQL, then, there, strict=True) if a != b)
    return {topic for name in changed for topic in _TOPICS[name]}


@dataclass(slots=True, eq=False)
class _Listener:
    """A page that is open."""

    stamp: str
    """Of what it shows; empty once that was compared."""
    untold: set[str] = field(default_factory=set)
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, topics: set[str]) -> None:
        self.untold |= topics
        if self.untold:
            self.event.set()


class Live:
    """For one window. `run` it in the background."""

    def __init__(self, look: Callable[[], Awaitable[Marks]]) -> None:
        self._look = look
        self._listeners: set[_Listener] = set()
        self._before: Marks = {}
        """As last looked at; empty while nobody listens."""
        self._wanted = asyncio.Event()
        self._ended = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def run(self) -> None:
        """Look as long as somebody listens, until cancelled."""
        told_health = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            if not self._listeners:
                self._before = {}
                self._wanted.clear()
                await self._wanted.wait()
            with contextlib.suppress(WeighbridgeError):  # the page says so where it needs it
                now, before = await self._look(), self._before
                changed = {name for name, mark in now.items() if before and before[name] != mark}
                self._before = now
                self.tell({topic for name in changed for topic in _TOPICS[name]})
                self._compare(now)
            if clock() - told_health >= HEALTH_SECONDS:
                told_health = clock()
                self.tell({"health"})
            await asyncio.sleep(LOOK_SECONDS)

    def tell(self, topics: set[str]) -> None:
        """Have all listeners told."""
        for each in self._listeners:
            each.tell(topics)

    def _compare(self, now: Marks) -> None:
        for each in self._listeners:
            if each.stamp:
                each.tell(_since(each.stamp, now))
                each.stamp = ""

    async def stamp(self) -> str:
        """For a page that is made next: how things stand, or stood two seconds ago; empty where nobody can tell."""
        try:
            return stamp_of(self._before or await self._look())
        except WeighbridgeError:
            return ""

    def end(self) -> None:
        """Let all listeners go, for a stop."""
        self._ended = True
        for each in self._listeners:
            each.event.set()

    async def events(self, stamp: str = "") -> AsyncGenerator[bytes, None]:
        """One listener's stream, from how things stood when its page was made."""
        listener = _Listener(stamp)
        self._listeners.add(listener)
        self._wanted.set()
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_SECONDS
        try:
            yield b"retry: 2000\n\n"
            while not self._ended and clock() < until:
                try:
                    async with asyncio.timeout(PULSE_SECONDS):
                        await listener.event.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                listener.event.clear()
                if listener.untold:
                    data = " ".join(sorted(listener.untold))
                    listener.untold.clear()
                    yield f"data: {data}\n\n".encode()
        finally:
            self._listeners.discard(listener)
