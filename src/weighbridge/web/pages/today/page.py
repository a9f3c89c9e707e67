"""GET /: each part of it by itself too, for the live page. All of it is bounded, however long the ledger is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date
from typing import Final, TypeVar

from starlette.responses import Response

from weighbridge import db
from weighbridge.app.lately import Past
from weighbridge.app.open_month import OpenMonth
from weighbridge.db import Connection
from weighbridge.errors import LedgerUnavailable, PolicyError
from weighbridge.gateway.admin.budgets import visible
from weighbridge.ledger import daily
from weighbridge.ledger.tally import NOTHING, Sums
from weighbridge.ledger.within import Within
from weighbridge.web.pages.budgets.listing import names_of
from weighbridge.web.pages.budgets.standing import Standing, standings
from weighbridge.web.pages.today.changes import Found, News, found, news
from weighbridge.web.pages.today.charts import Chart, charts
from weighbridge.web.pages.today.figures import Lately, lately
from weighbridge.web.pages.today.health import WHY, Health, health
from weighbridge.web.pages.today.steps import Steps, Taken, steps, taken
from weighbridge.web.seeing import keys_seen
from weighbridge.web.visit import PART, Visit

T = TypeVar("T")
_BUDGETS: Final = 4
"""That are shown; the page of budgets has all."""


@dataclass(frozen=True, slots=True)
class Near:
    """Budgets that want a look, and how many there are in all."""

    standings: list[Standing]
    names: dict[str, str]
    count: int
    near: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The month on open models; nothing in it: it is being counted."""

    month: OpenMonth | None = None
    fault: str | None = None
    """Why it cannot be counted."""


async def page(visit: Visit) -> Response:
    """The whole, or the part that was asked for; of a gateway that was never asked, the first steps alone."""
    within = await _within(visit)
    of_steps = await visit.read(lambda connection: taken(connection, visit, within))
    shown = _Shown(visit, within, is_asked=of_steps.asked)
    past, today, health_ = await asyncio.gather(shown.past(), shown.sums(), shown.health())
    elsewhere = await shown.elsewhere()  # which takes a processor for longer: what stands above it comes first
    known = None if past is None or today is None else lately(past.days, today, shown.today)
    return visit.page(
        "today/page.html",
        steps=await shown.steps(of_steps),
        empty=not of_steps.asked,
        lately=known,
        charts=await shown.charts(known),
        elsewhere=elsewhere,
        budgets=await shown.budgets(),
        health=health_,
        news=await shown.news(past),
        past_is_known=past is not None,
        why=WHY,
        today=shown.today,
        sees_all=visit.sees_all("audit.read"),
    )


class _Shown:
    """What the parts show that are asked for; None of the others, and of all but the steps before anything was."""

    def __init__(self, visit: Visit, within: Within, *, is_asked: bool) -> None:
        self._visit, self._within = visit, within
        part = visit.request.headers.get(PART)
        asked = None if part is None else frozenset(part.split())
        every = ("figures", "charts", "elsewhere", "budgets", "health", "news")
        self._parts = frozenset(() if not is_asked else every if asked is None else asked)
        self._wants_steps = asked is None or "steps" in asked
        self.today: date = visit.now.astimezone(UTC).date()

    async def steps(self, of: Taken) -> Steps | None:
        """What is to be done first, until it is."""
        if not self._wants_steps or not self._visit.may("key.create"):
            return None
        found = await asyncio.to_thread(steps, self._visit, of)
        return None if found.are_done else found

    async def past(self) -> Past | None:
        """The days before today; None while these are added up for the first time."""
        if not self._parts & {"figures", "charts", "news"}:
            return None
        return await _told(self._visit.parts.lately.past(self.today, self._within))

    async def sums(self) -> Sums | None:
        """Today's."""
        if not self._parts & {"figures", "charts"}:
            return None

        def work(connection: Connection) -> Sums:
            return daily.by_day(connection, since=self.today, within=self._within).get(self.today, NOTHING)

        return await self._visit.read(work)

    async def charts(self, known: Lately | None) -> list[Chart]:
        """Of the days."""
        if known is None or "charts" not in self._parts:
            return []
        return await asyncio.to_thread(charts, known.days, self._visit.tongue)

    async def elsewhere(self) -> Elsewhere | None:
        """The month on open models."""
        if "elsewhere" not in self._parts:
            return None
        try:
            return Elsewhere(await _told(self._visit.parts.lately.elsewhere(self._visit.now, self._within)))
        except PolicyError as error:
            return Elsewhere(fault=error.message)

    async def budgets(self) -> Near | None:
        """Those near their end, the nearest first."""
        if "budgets" not in self._parts or not self._visit.may("budget.read"):
            return None

        def work(connection: Connection) -> Near:
            every = standings(connection, visible(connection, self._visit.admin), self._visit.now)
            near = sorted((each for each in every if each.is_near), key=lambda each: -each.share)
            return Near(near[:_BUDGETS], names_of(connection, near[:_BUDGETS]), len(every), len(near))

        return await self._visit.read(work)

    async def health(self) -> Health | None:
        """Of the endpoints, for who may see it."""
        return await health(self._visit) if "health" in self._parts else None

    async def news(self, past: Past | None) -> list[News]:
        """What has changed."""
        if "news" not in self._parts:
            return []
        of: Found | None = None
        if self._visit.sees_all("audit.read"):
            of = await self._visit.read(lambda connection: found(connection, self._visit.now))
        return await asyncio.to_thread(news, self._visit, of, () if past is None else past.answered)


async def _told(work: Awaitable[T]) -> T:
    try:
        return await work
    except db.Error as error:
        raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error


async def _within(visit: Visit) -> Within:
    """What the admin sees of the ledger."""
    scope = visit.admin.scope
    if visit.admin.role != "member":
        return Within(scope.organisation, scope.project)
    seen: Callable[[Connection], frozenset[str]] = lambda connection: frozenset(keys_seen(connection, visit.admin))  # noqa: E731
    return Within(scope.organisation, scope.project, await visit.read(seen))
