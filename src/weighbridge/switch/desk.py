"""What all parts of a run share: its means, the budget that is held, and the door that requests go through."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Catalog
from weighbridge.ledger.cost import plain
from weighbridge.switch.asking import LONGEST_WAIT, Door, Failed
from weighbridge.switch.books import Books, Rows
from weighbridge.switch.candidates import Forbids
from weighbridge.switch.case import Answer, Grade
from weighbridge.switch.graders.grader import Grader
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.planned import Plan, PlannedRoute
from weighbridge.switch.purse import Purse
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.sources import Source

_WAITS: Final = 10
"""How often a busy gateway is waited for, with one request."""
_KNOCKS: Final = 4
"""How often a gateway that is out of reach is tried again, as one that is begun anew: over 15 seconds."""
_FIRST_WAIT: Final = 1.0

Grades = Mapping[str, Mapping[str, Grade]]
"""By arm and case."""
Look = Callable[[PlannedRoute, Grades], Awaitable[Mapping[str, str]]]
"""Looks at a route's evidence: for each arm of which no more is needed, or is of no use, the reason."""


Conclude = Callable[[PlannedRoute, Rows, datetime], Awaitable[object]]
"""Speaks about a route whose replays have ended."""


async def nothing(route: PlannedRoute, rows: Rows, now: datetime) -> None:
    """Say nothing."""


async def never(route: PlannedRoute, grades: Grades) -> Mapping[str, str]:
    """Look, and replay all there is."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a run works with."""

    plan: Plan
    source: Source
    door: Door
    books: Books
    purse: Purse
    catalog: Catalog
    forbids: Callable[[str, Sequence[str]], Forbids]
    """The policy as it is now: see plan.Market."""
    policed: bool
    """Whether there is a policy: then replays are bound to the providers that it allows."""
    graders: Mapping[str, Grader]
    checks: Mapping[str, Rubric] = field(default_factory=dict)
    """By route: what the judge checks there, instead of comparing."""
    look: Look = never
    conclude: Conclude = nothing
    at_once: int = 8
    """Cases under way."""
    now: Callable[[], datetime]
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    told: Callable[[str, int, int], None] = lambda route, done, total: None


@dataclass(slots=True)
class Ended:
    """How a run ended."""

    stopped: str | None = None
    """Why before its time, and what to do; None: all was replayed that was needed."""
    arms: dict[tuple[str, str], str] = field(default_factory=dict)
    """By route and arm: why no more of it was replayed."""
    spent: bool = False
    """Whether that was the budget's end."""
    left: int = 0
    """Replays that nobody answered yet, of arms that are not ended."""


class Desk:
    """Of one run."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._rows: Rows = {}
        self._ended = Ended()
        self._settled = asyncio.Condition()

    async def open(self) -> None:
        """See what is there. Raises db.Error."""
        self._rows = await self._means.books.rows()

    @property
    def means(self) -> Means:
        """What it works with."""
        return self._means

    @property
    def rows(self) -> Rows:
        """What is there, and what has come."""
        return self._rows

    @property
    def ended(self) -> Ended:
        """How it ends."""
        return self._ended

    @property
    def may_conclude(self) -> bool:
        """Whether what is there is all there will be: nothing stopped the run but its budget."""
        return self._ended.stopped is None or self._ended.spent

    def stop(self, why: str) -> None:
        """Send nothing more."""
        self._ended.stopped = self._ended.stopped or why

    async def put(self, case: str, rows: Mapping[str, Replayed]) -> None:
        """Write what came of a case, and know it."""
        await self._means.books.put(case, rows)
        self._rows.update({(case, arm): row for arm, row in rows.items()})

    async def hold(self, amount: Decimal) -> bool:
        """Set so much of the budget aside, once others have settled; False: it is not there."""
        purse = self._means.purse
        async with self._settled:
            while not purse.hold(amount):
                if purse.held <= 0:
                    self._ended.spent = True
                    self.stop(
                        f"the budget of ${plain(purse.budget or Decimal(0))} has ${plain(_left(purse))} left, and the"
                        f" next replay may cost ${plain(amount)}: run it again with a higher --budget"
                    )
                if self._ended.stopped is not None:
                    return False
                await self._settled.wait()
        return True

    async def settle(self, held: Decimal, answer: Answer | Failed) -> Decimal | None:
        """Give back what was held, less what the ledger says it cost, which is given back too."""
        cost: Decimal | None = Decimal(0)
        if answer.receipt is not None:
            cost = (await self._means.books.costs([answer.receipt])).get(answer.receipt)
        elif not isinstance(answer, Failed) or answer.sent:
            cost = None
        async with self._settled:
            self._means.purse.settle(held, held if cost is None else cost)
            self._settled.notify_all()
        return cost

    async def ask(self, body: bytes, held: Decimal) -> tuple[Answer | Failed, Decimal | None]:
        """Ask the gateway, waiting where it says so; what came, and what it cost."""
        found = await self._means.door.ask(body)
        for again in range(_WAITS):
            if not isinstance(found, Failed) or self._ended.stopped is not None:
                break
            if found.trouble != "waits" and (found.sent or again >= _KNOCKS):
                break
            await self._means.wait(found.wait or min(_FIRST_WAIT * 2**again, LONGEST_WAIT))
            found = await self._means.door.ask(body)
        cost = await self.settle(held, found)
        if isinstance(found, Failed) and found.trouble == "stops":
            self.stop(f"{found.why} ({found.code}); what was done is kept: run it again")
        return found, cost


def _left(purse: Purse) -> Decimal:
    return max(Decimal(0), (purse.budget or Decimal(0)) - purse.spent)
