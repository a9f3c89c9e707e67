"""The database as a run uses it: one connection, one statement at a time, never on the event loop."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, ParamSpec, TypeVar

from weighbridge.db import Connection, in_thread
from weighbridge.ledger import store as ledger
from weighbridge.ledger.tagged import spent_on
from weighbridge.switch import replayed, store
from weighbridge.switch.planned import Plan
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.store import CertificateRow, ReplayRow

_Done = TypeVar("_Done")
_Given = ParamSpec("_Given")
_ENTERED_WITHIN: Final = timedelta(minutes=10)
"""In which a gateway has noticed that whoever asked is gone, and entered what that cost."""
Rows = dict[tuple[str, str], Replayed]
"""By case and arm."""


class Books:
    """Of one plan. Raises db.Error."""

    def __init__(self, connection: Connection, plan: Plan, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._plan = plan
        self._now = now
        self._turn = asyncio.Lock()

    async def do(self, work: Callable[_Given, _Done], *given: _Given.args, **named: _Given.kwargs) -> _Done:
        """Some other work with the same connection, in a thread."""
        async with self._turn:
            return await in_thread(work, *given, **named)

    async def rows(self) -> Rows:
        """What is there of the plan."""
        found = await self.do(store.replays, self._connection, self._plan.id)
        return {(row.case, row.arm): replayed.decode(row.document) for row in found}

    async def put(self, case: str, rows: Mapping[str, Replayed]) -> None:
        """Write what came of a case, by arm."""
        now = self._now()
        await self.do(
            store.put_replays,
            self._connection,
            [ReplayRow(self._plan.id, case, arm, now, replayed.encode(row)) for arm, row in rows.items()],
        )

    async def spent(self) -> Decimal:
        """What the ledger says the plan has cost so far, and the most of what a run before this was killed over.

        The gateway may be about to enter that; once it has had time to, the ledger alone is asked.
        """
        told = await self.do(spent_on, self._connection, self._plan.tag, self._plan.at)
        since = self._now() - _ENTERED_WITHIN
        found = await self.do(store.replays, self._connection, self._plan.id)
        late = [replayed.decode(row.document) for row in found if row.at > since]
        return told + sum((Decimal(row.most) for row in late if row.state == "sent" and row.most), Decimal(0))

    async def costs(self, receipts: Iterable[str]) -> dict[str, Decimal | None]:
        """What each of these requests cost, by the ledger; None: it is not known, and not there: no entry yet."""
        return await self.do(self._costs, list(receipts))

    def _costs(self, receipts: list[str]) -> dict[str, Decimal | None]:
        found: dict[str, Decimal | None] = {}
        for receipt in receipts:
            entry = ledger.find(self._connection, receipt)
            if entry is not None:
                found[receipt] = Decimal(0) if entry.charge is None else entry.charge.cost
        return found

    async def certificates(self, route: str) -> list[CertificateRow]:
        """Those of one of the plan's routes, newest first."""
        found = await self.do(store.certificates, self._connection, plan=self._plan.id)
        return [each for each in found if each.route == route]

    async def certify(self, row: CertificateRow) -> None:
        """Store a certificate."""
        await self.do(store.add_certificate, self._connection, row)
