"""Keys as they are now: read again every second, and at once for a request whose key is not known.

A key may have been made a moment ago, by a command, the window or another worker. Its budget was made in the same
transaction: budgets are read after the keys and before any of these opens, so that none is open without its budget.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from weighbridge import db
from weighbridge.accounts.keys import FRESH_SECONDS, Keyring

log = logging.getLogger(__name__)

_PAUSE: Final = 0.02
"""Seconds between two looks for the sake of unknown keys: whoever guesses at keys has the database asked no oftener."""


class Renewing:
    """For one worker."""

    def __init__(self, keyring: Keyring, look_at_budgets: Callable[[], Awaitable[None]]) -> None:
        self._keyring = keyring
        self._look_at_budgets = look_at_budgets
        self._turn = asyncio.Lock()
        self._began = float("-inf")

    async def watch(self) -> None:
        """Look every second, until it is cancelled."""
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            async with self._turn:
                await self._look()

    async def now(self) -> bool:
        """Whether the keys are others than when it was asked.

        All who wait share a look that has begun after they came.
        """
        clock = asyncio.get_running_loop().time
        came, before = clock(), self._keyring.version
        async with self._turn:
            if self._began <= came:
                await asyncio.sleep(self._began + _PAUSE - clock())
                self._began = clock()
                await self._look()
        return self._keyring.version != before

    async def _look(self) -> None:
        try:
            found = await db.in_thread(self._keyring.read)
            if found is not None:
                await self._look_at_budgets()
                self._keyring.adopt(found)
        except db.Error as exc:
            log.warning("the keys cannot be read again: %s", exc)
        self._keyring.forget_opened()
