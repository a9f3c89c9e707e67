"""Keeps a worker's purse: gets more in advance, gives back what it does not need, and sees to those who have died."""

import asyncio
import logging
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from weighbridge import db
from weighbridge.db import Connection, microseconds
from weighbridge.errors import LedgerUnavailable
from weighbridge.ledger import store
from weighbridge.ledger.budgets import leases, table
from weighbridge.ledger.budgets import users as named
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.budgets.leases import Grant
from weighbridge.ledger.budgets.purse import Account, Purse
from weighbridge.ledger.entry import Claim, Entry
from weighbridge.ledger.journal import Journal, abandoned
from weighbridge.ledger.users import Users

log = logging.getLogger(__name__)

_EVERY: Final = 0.25
"""Seconds between two times that what is not needed goes back."""
_FRESH: Final = 4
"""Of so many of these the budgets are looked at again in one: once a second."""
_LOOK_FOR_DEAD: Final = 20
_LOOK_FOR_IDLE: Final = 120
"""Twice a minute: each user may have a budget, and most of them are gone again."""
_MOST_CLOSED: Final = 1000
_LATE: Final = timedelta(minutes=1)
"""How long after its end a period's accounts are closed."""
_ALONE: Final = 1
_SHARES: Final = 2
"""Of what is left a worker gets half of its share at a time."""


class Keeper:
    """For one worker. `begin`, then `watch` in the background, then `end` when its last entry is written."""

    def __init__(
        self,
        connection: Connection,
        worker: str,
        directory: Path,
        now: Callable[[], datetime],
        users: Users | None = None,
    ) -> None:
        """The connection is for this alone; `directory` has the journals of all workers of this machine.

        `users` says how budgets name the client's users; None: as the client does.
        """
        self._users = users
        self.purse = Purse()
        self._connection = connection
        self._worker = worker
        self._directory = directory
        self._now = now
        self._version = -1
        self._live = _ALONE
        self.journal = Journal(directory / f"{worker}.journal")
        """What is under way here, from `begin` on."""
        self._asking: dict[Claim, asyncio.Task[Grant]] = {}
        self._turns = asyncio.Lock()
        """The connection is one thread's at a time."""

    def begin(self) -> int:
        """Write what workers that died have left, and begin a journal of our own. How many entries that were.

        Raises db.Error and OSError.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        found = recover(self._connection, self._directory)
        if self._users is not None and self._users.naming != "plain":
            rename_users(self._connection, self._users, self._now())
        self.journal.begin()
        leases.begin(self._connection, self._worker, socket.gethostname(), str(self.journal.path), self._now())
        self._live = leases.seen(self._connection, self._worker, self._now())
        self._adopt(self._changed())
        return found

    def keep(self, entry: Entry) -> bool:
        """Keep an entry that cannot be written now, in the place of what was noted of it; see Writer.keep."""
        try:
            self.journal.note(entry)
        except LedgerUnavailable:
            return False
        self.purse.written(entry.id)
        return True

    def written(self, id_: str) -> None:
        """The entry of this id is in the ledger."""
        self.journal.strike(id_)
        self.purse.written(id_)

    async def ask(self, account: Account, need: int) -> Grant:
        """More of a budget, at least `need`, or nothing. Who asks for the same meanwhile has the same answer.

        Raises LedgerUnavailable.
        """
        under_way = self._asking.get(account.claim)
        if under_way is not None:
            return await asyncio.shield(under_way)
        asking = asyncio.create_task(self._ask(account, need))
        self._asking[account.claim] = asking
        return await asyncio.shield(asking)

    async def _ask(self, account: Account, need: int) -> Grant:
        parts = 1 if self._live <= _ALONE else _SHARES * self._live
        claim, amount = account.claim, account.budget.amount
        try:
            async with self._turns:
                grant = await db.in_thread(
                    leases.take, self._connection, self._worker, claim, amount, least=need, parts=parts
                )
        except db.Error as exc:
            raise LedgerUnavailable(f"the budgets cannot be read: {exc}", retry_after=1.0) from exc
        finally:
            del self._asking[claim]  # not by a callback: who wakes before it runs would have this answer for ever
        account.grant(grant.more)
        return grant

    async def look(self) -> None:
        """Take up budgets that are others than before. Raises db.Error."""
        async with self._turns:
            self._adopt(await db.in_thread(self._changed))

    async def watch(self) -> None:
        """Give back, look for changes, close what is past, and see to those who have died: until it is cancelled."""
        turn = 0
        while True:
            await asyncio.sleep(_EVERY)
            turn += 1
            try:
                async with self._turns:
                    await self._turn(turn)
            except (db.Error, OSError) as exc:
                log.warning("the budgets cannot be looked after: %s", exc)

    async def _turn(self, turn: int) -> None:
        if self._live > _ALONE and (spare := self.purse.spare()):
            try:
                await db.in_thread(leases.give_back, self._connection, self._worker, spare)
            except db.Error:
                self.purse.kept(spare)
                raise
        if turn % _FRESH:
            return
        self._live = await db.in_thread(leases.seen, self._connection, self._worker, self._now())
        self._adopt(await db.in_thread(self._changed))
        if past := self.purse.past(microseconds(self._now() - _LATE)):
            await db.in_thread(leases.close, self._connection, self._worker, past)
        if turn % _LOOK_FOR_IDLE == 0 and (idle := self.purse.idle(_MOST_CLOSED)):
            await db.in_thread(leases.close, self._connection, self._worker, idle)
        if turn % _LOOK_FOR_DEAD == 0:
            await db.in_thread(recover, self._connection, self._directory)

    def _changed(self) -> tuple[int, list[Budget]] | None:
        """The budgets, with their version, where they are others than before."""
        version = table.version(self._connection)
        return None if version == self._version else (version, table.listing(self._connection))

    def _adopt(self, changed: tuple[int, list[Budget]] | None) -> None:
        if changed is not None:
            self._version, budgets = changed
            self.purse.adopt(budgets)

    def end(self) -> None:
        """Nothing is under way any more: what is left of the leases is anybody's."""
        try:
            leases.close(self._connection, self._worker)
        except db.Error as exc:
            log.warning("the budgets could not be given back: %s; the next start sees to it", exc)
            return  # the journal stays, so that it is found
        self.journal.close()


def rename_users(connection: Connection, users: Users, now: datetime) -> None:
    """Have budgets name users as it is set: those too that they were named by before, and no page has that name."""
    db.delete_for_good(connection)
    if named.rename(connection, users.renamed, now) and not db.empty_log(connection):
        log.warning("the names of users may still be in the database's log, as another program reads it all the time")


def recover(connection: Connection, directory: Path) -> int:
    """Write the entries of what was under way in workers that are gone, and close their leases. How many there were.

    Each is charged the most that it can have come to where budgets bound it, else an estimate of its prompt.
    """
    count = 0
    for found in abandoned(directory):
        done = False
        try:
            lost = [entry for entry in found.entries() if store.find(connection, entry.id) is None]
            store.add(connection, lost)
            leases.close(connection, found.worker)
            done = True
        finally:
            found.close(done=done)
        if lost:
            log.warning("the worker %s died with %d entries to be written; they are now", found.worker, len(lost))
        if found.unread:
            log.error("%d notes of %s cannot be read; its journal is put aside", found.unread, found.worker)
        count += len(lost)
    return count
