"""What pages are made of: the settings, the database, the catalogue, and the gateway to be asked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from weighbridge import db
from weighbridge.app.doctor.checks import checks
from weighbridge.app.doctor.looking import Looking
from weighbridge.app.lately import Lately
from weighbridge.app.market import MarketHere
from weighbridge.app.switch.under_way import Runs
from weighbridge.catalog.model import Catalog
from weighbridge.config import Secret, Settings
from weighbridge.db import Connection, Place
from weighbridge.errors import LedgerUnavailable
from weighbridge.web.asking import Asking

T = TypeVar("T")
_READERS: Final = 4
"""Pages that read the database at the same time; others wait."""


class Database:
    """Connections of the window: some that read, and one that writes. Raises LedgerUnavailable where there is none."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._resting: list[Connection] = []
        self._turns = asyncio.Semaphore(_READERS)
        self._writing = asyncio.Lock()
        self._writer: Connection | None = None

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What the work returns, done in a thread on a connection that nobody else has meanwhile."""
        async with self._turns:
            return await self._done(self._read, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """The same in a transaction: all of it, or nothing."""
        async with self._writing:
            return await self._done(self._written, work)

    def close(self) -> None:
        """Close them all; nobody may be at work."""
        for each in (*self._resting, *(() if self._writer is None else (self._writer,))):
            each.close()
        self._resting, self._writer = [], None

    async def _done(self, way: Callable[[Callable[[Connection], T]], T], work: Callable[[Connection], T]) -> T:
        try:
            return await db.in_thread(way, work)
        except db.Error as exc:
            raise LedgerUnavailable(f"the ledger cannot be read or written: {exc}") from exc

    def _read(self, work: Callable[[Connection], T]) -> T:
        connection = self._resting.pop() if self._resting else db.connect(self._place)
        try:
            found = work(connection)
        except db.Error:
            connection.close()  # it may be broken: the next one is made anew
            raise
        except BaseException:
            self._resting.append(connection)
            raise
        self._resting.append(connection)
        return found

    def _written(self, work: Callable[[Connection], T]) -> T:
        connection, self._writer = self._writer or db.connect(self._place), None
        try:
            with db.transaction(connection):
                found = work(connection)
        except db.Error:
            connection.close()
            raise
        except BaseException:
            self._writer = connection
            raise
        self._writer = connection
        return found


@dataclass(kw_only=True)
class Parts:
    """Of one window."""

    settings: Settings
    database: Database
    gateway: Asking
    key: Secret | None
    """This machine's own key for models."""
    catalog: Callable[[], Catalog]
    """Every endpoint that is known or set up, whether it can be called or not."""
    ever: Callable[[], Catalog]
    """The same with those that are served no more."""
    market: MarketHere
    runs: Runs
    now: Callable[[], datetime]
    public_url: str | None = None
    """Where browsers find the window, if not where it listens."""
    address: str = field(default="")
    """Where it listens, such as http://127.0.0.1:8081."""
    lately: Lately = field(init=False)
    doctor: Looking = field(init=False)

    def __post_init__(self) -> None:
        self.lately = Lately(self.settings, lambda: self.catalog())
        self.doctor = Looking(lambda probe: checks(self.settings, probe=probe), lambda: self.now())
