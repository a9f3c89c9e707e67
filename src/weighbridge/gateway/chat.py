"""A request for an answer, from the caller's bytes to the provider's and back, whatever dialect it is made in."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from weighbridge.accounts.keys import Key
from weighbridge.errors import UpstreamError, WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.caching import Caching
from weighbridge.gateway.default_model import DefaultModel
from weighbridge.gateway.dispatch import Dispatch, Search
from weighbridge.gateway.explain import traced
from weighbridge.gateway.planning import Planning
from weighbridge.gateway.presets import Reading, add_wishes
from weighbridge.gateway.relay import relay
from weighbridge.gateway.resume import Resumption
from weighbridge.gateway.tab import Books, Tab
from weighbridge.gateway.wishes import Wishes, heard, wishes_in
from weighbridge.providers.base import Answer, Provider
from weighbridge.routing.planner import Plan
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.calls import Task
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.surface import Asked, Surface

log = logging.getLogger(__name__)
_UNTRACED: Final[nullcontext[None]] = nullcontext()


@dataclass(frozen=True, slots=True)
class Chat:
    """The recipe of a request. Each step is somebody else's; their order is here."""

    open: Callable[[Request, datetime], Key]
    """The key a request came with. Raises Unauthorized."""
    check_ledger: Callable[[], None]
    """Raises LedgerUnavailable when no receipt could be written: before anything is spent, and before there is an
    entry that would have to be kept in memory."""
    planning: Planning
    providers: Mapping[str, Provider]
    dispatch: Dispatch
    books: Books
    now: Callable[[], datetime]
    surface: Surface = CHAT
    """The dialect of the path it stands at."""
    default_model: DefaultModel | None = None
    """Of requests that name none; None where they must, whatever the settings say."""
    spoken: frozenset[Task] = frozenset()
    """The formats besides chat that some provider is asked in."""
    caching: Caching | None = None
    """Answers that were given before."""
    resumption: Resumption | None = None
    """How an answer that breaks off is gone on with; None: not at all."""

    def __call__(self, request: Request, reply: Reply) -> Awaitable[None]:
        """Answer one request. Whatever happens, one entry is left, unless the key or the ledger was no good.

        Raises Unauthorized or LedgerUnavailable.
        """
        return self.serve(request, reply, self.surface)

    async def serve(self, request: Request, reply: Reply, surface: Surface) -> None:
        """The same, through a surface that is made for this one request."""
        now = self.now()
        key = self.open(request, now)
        self.check_ledger()
        tab = self.books.open(key, now)
        try:
            planning = self.planning
            reading = Reading(planning.names, planning.catalog(), key, surface, self.default_model)
            asked, preset = reading.read(request.body)
            tab.call = asked.call
            wishes = heard(asked, wishes_in(request))
            own = asked.preferences
            wishes = add_wishes(asked, wishes, preset, key)
            if wishes.tags:
                tab.tags = key.tags_with(wishes.tags)
            by_client = asked.preferences is own
            with traced(planning, reply) if wishes.explain else _UNTRACED as trace:
                plan = planning.plan(asked, key, now, by_client=by_client, wishes=wishes, note=tab.asking, trace=trace)
            tab.law = plan.law
            search = self.dispatch.search(plan, asked, tab, wishes.hedge)
            answer = await self._answer(search, asked, plan, wishes, tab=tab, reply=reply)
            resumed = plan if self.resumption is not None and self.resumption.wanted(wishes.resume) else None
            broke = await self._told(answer, search, asked, resumed, tab=tab, reply=reply)
            if broke is not None:
                answers.error(reply, broke, surface, receipt=tab.id)
        except asyncio.CancelledError:
            tab.settle_cut(left=reply.left)
            raise
        except WeighbridgeError as exc:
            await self._refuse(reply, tab, surface, exc)
        except Exception:
            log.exception("%s failed", tab.id)
            fault = WeighbridgeError(f"something of ours went wrong; it is logged as {tab.id}")
            await self._refuse(reply, tab, surface, fault)

    async def _told(
        self, answer: Answer, search: Search, asked: Asked, resumed: Plan | None, *, tab: Tab, reply: Reply
    ) -> UpstreamError | None:
        """Give the client the answer, or another endpoint's where it breaks off before a byte has left.

        Where it breaks off later, one of the plan `resumed` goes on with it, if there is one.

        What broke off a stream that had begun, when it did. Raises what `relay` does.
        """
        while True:
            if asked.origin is not None:
                tab.name(asked.origin)
            try:
                if resumed is None or self.resumption is None:
                    return await relay(answer, asked, tab, reply)
                return await relay(answer, asked, tab, reply, self.resumption.of(resumed, asked))
            except UpstreamError as exc:
                answer = await search.another(exc)

    def _answer(
        self, search: Search, asked: Asked, plan: Plan, wishes: Wishes, *, tab: Tab, reply: Reply
    ) -> Awaitable[Answer]:
        """An answer that was given before, where that is wished for, or an endpoint's."""
        wish = None if self.caching is None else self.caching.wish(wishes.cache, tab.key)
        if self.caching is None or wish is None:
            return search.answer()
        return self.caching.answer(asked, search.answer, wish=wish, plan=plan, tab=tab, reply=reply)

    async def _refuse(self, reply: Reply, tab: Tab, surface: Surface, exc: WeighbridgeError) -> None:
        receipt = tab.settle_error(exc)
        try:
            if receipt is not None:
                await receipt
        except WeighbridgeError as unwritten:
            exc = unwritten
        answers.error(reply, exc, surface, receipt=tab.id)
