"""A request for an answer, from the caller's bytes to the provider's and back, whatever dialect it is made in."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from weighbridge.accounts.defaults import NO_DEFAULTS
from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest, BudgetSpent, LimitReached, UpstreamError, WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.caching import Caching
from weighbridge.gateway.default_model import DefaultModel
from weighbridge.gateway.dispatch import Dispatch
from weighbridge.gateway.explain import traced
from weighbridge.gateway.holding import Holding
from weighbridge.gateway.keeping_texts import KeepingTexts
from weighbridge.gateway.planning import Planning
from weighbridge.gateway.presets import Reading, add_wishes
from weighbridge.gateway.relay import relay
from weighbridge.gateway.resume import Resumption
from weighbridge.gateway.shadowing import Shadowing
from weighbridge.gateway.switching import Decision, Switch
from weighbridge.gateway.tab import Books, Tab
from weighbridge.gateway.wishes import NONE, Wishes, heard, wishes_in
from weighbridge.providers.base import Provider
from weighbridge.routing.planner import Plan
from weighbridge.transport.message import Reply, Request
from weighbridge.wire import steering
from weighbridge.wire.calls import Task
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.defaults import with_limit
from weighbridge.wire.surface import Asked, Surface

log = logging.getLogger(__name__)


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
    holding: Holding | None = None
    """Where it is held what a request may cost at most; None: nowhere."""
    texts: KeepingTexts | None = None
    """Where what is asked and answered is kept, for keys that ask for it."""
    resumption: Resumption | None = None
    """How an answer that breaks off is gone on with; None: not at all."""
    switch: Switch = field(default_factory=Switch)
    """What is proven of cheaper models, and who answers by it."""
    shadowing: Shadowing | None = None
    """Asks the reference as well, of some requests that were moved; None: of none."""

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
        tab.size = len(request.body)
        if (tracer := self.books.tracer) is not None:
            tab.trace = tracer.begin(request.headers)
        taken = None
        try:
            if key.keeps is not None and self.texts is not None:
                taken = self.texts.take(request, reply, tab, now)
                reply = taken or reply
            await self._answer(request, reply, surface, tab, now)
        except asyncio.CancelledError:
            tab.settle_cut(left=reply.left)
            raise
        except WeighbridgeError as exc:
            await self._refuse(reply, tab, surface, exc)
        except Exception:
            log.exception("%s failed", tab.id)
            fault = WeighbridgeError(f"something of ours went wrong; it is logged as {tab.id}")
            await self._refuse(reply, tab, surface, fault)
        finally:
            if taken is not None:
                taken.hand_over()

    async def _answer(self, request: Request, reply: Reply, surface: Surface, tab: Tab, now: datetime) -> None:
        """From what is asked to the answer's last byte. Raises what goes wrong before a byte has left."""
        asked, wishes, by_client = self._read(request, surface, tab)
        if (switching := self.switch.current) is not None:
            decision = await switching.decide(asked, tab.key, wishes, request, now)
            reply = reply if decision is None else self._moved(decision, asked, tab, request, reply)
        plain = wishes is NONE and tab.decision is None
        plan = self.planning.plain(asked, tab.key, now, tab.asking) if plain else None
        if plan is None:
            plan = self._plan(asked, wishes, tab, now, by_client=by_client, reply=reply)
            tab.law = plan.law
        if self.holding is not None and self.holding.binds:
            try:
                await self.holding.hold(tab, asked, plan, now)
            except (BudgetSpent, LimitReached) as refusal:
                hold = functools.partial(self.holding.hold, tab, plan=plan, now=now)
                asked, most = await self._shorter(refusal, request, surface, tab, hold)
                reply.also = (*reply.also, (answers.SHORTENED, str(most).encode()))
        search = self.dispatch.search(plan, asked, tab, wishes.hedge)
        caching = None if wishes is NONE and tab.key.defaults is NO_DEFAULTS else self.caching
        if caching is None or (wish := caching.wish(wishes.cache, tab.key)) is None:
            answer = await search.answer()
        else:
            answer = await caching.answer(asked, search.answer, wish=wish, plan=plan, tab=tab, reply=reply)
        while True:
            if asked.origin is not None:
                tab.name(asked.origin)
            resuming = None if self.resumption is None else self.resumption.of(plan, asked, wishes.resume)
            try:
                broke = await relay(answer, asked, tab, reply, resuming)
            except UpstreamError as exc:  # not a byte has left: another may give its answer
                answer = await search.another(exc)
                continue
            if broke is not None:
                answers.error(reply, broke, surface, receipt=tab.id)
            return

    def _moved(self, decision: Decision, asked: Asked, tab: Tab, request: Request, reply: Reply) -> Reply:
        """Have the request go where it is to go, and say so. The reply, which notes what it says if it is to."""
        tab.decision = decision
        decision.apply(asked)
        reply.also = (*reply.also, (answers.SWITCH, decision.told))
        if (tag := decision.tag) is not None:
            tab.tags = tuple(sorted({*tab.tags, tag}))
        return reply if self.shadowing is None else self.shadowing.watched(decision, asked, tab, request, reply)

    def _read(self, request: Request, surface: Surface, tab: Tab) -> tuple[Asked, Wishes, bool]:
        """What is asked and wished for, by the request, its preset and its key; whether its preferences are its own."""
        planning = self.planning
        wishes = wishes_in(request)
        if wishes is NONE and tab.key.defaults is NO_DEFAULTS and not planning.names.presets:
            try:
                asked = steering.read(surface, request.body)
            except BadRequest:  # something may be there to mend it
                pass
            else:
                if asked.preset is None and asked.session is None:
                    tab.call = asked.call
                    if tab.trace is not None:
                        asked.traced = tab.trace.asked
                    return asked, NONE, True
        reading = Reading(planning.names, planning.catalog(), tab.key, surface, self.default_model)
        asked, preset = reading.read(request.body)
        tab.call = asked.call
        if tab.trace is not None:
            asked.traced = tab.trace.asked
        wishes = heard(asked, wishes)
        own = asked.preferences
        wishes = add_wishes(asked, wishes, preset, tab.key)
        if wishes.tags:
            tab.tags = tab.key.tags_with(wishes.tags)
        return asked, wishes, asked.preferences is own

    async def _shorter(
        self,
        refusal: BudgetSpent | LimitReached,
        request: Request,
        surface: Surface,
        tab: Tab,
        hold: Callable[[Asked], Awaitable[None]],
    ) -> tuple[Asked, int]:
        """What is asked with an answer of so many tokens at most, and that is held. Raises the refusal if none is."""
        while refusal.shorter is not None and surface.dialect is not None:
            most = refusal.shorter
            body = with_limit(request.body, surface.dialect, most)
            asked, _, _ = self._read(Request(request.method, request.target, request.headers, body), surface, tab)
            if tab.decision is not None:
                tab.decision.again(asked)
            try:
                await hold(asked)
            except (BudgetSpent, LimitReached) as less:
                refusal = less
            else:
                return asked, most
        raise refusal

    def _plan(self, asked: Asked, wishes: Wishes, tab: Tab, now: datetime, *, by_client: bool, reply: Reply) -> Plan:
        """Whom to ask; where that is wished for, the answer's head tells of it."""
        planning = self.planning
        if not wishes.explain:
            return planning.plan(asked, tab.key, now, by_client=by_client, wishes=wishes, note=tab.asking)
        with traced(planning, reply) as trace:
            return planning.plan(asked, tab.key, now, by_client=by_client, wishes=wishes, note=tab.asking, trace=trace)

    async def _refuse(self, reply: Reply, tab: Tab, surface: Surface, exc: WeighbridgeError) -> None:
        receipt = tab.settle_error(exc)
        try:
            if receipt is not None:
                await receipt
        except WeighbridgeError as unwritten:
            exc = unwritten
        answers.error(reply, exc, surface, receipt=tab.id)
