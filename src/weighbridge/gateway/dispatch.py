"""Try the endpoints of a plan in order until one of them answers; then, within bounds, all of them again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from random import Random
from typing import Final

import msgspec

from weighbridge.catalog.model import Model
from weighbridge.errors import BudgetSpent, LedgerUnavailable, UpstreamBusy, UpstreamError, WeighbridgeError
from weighbridge.gateway.admission import Admission, Place, held
from weighbridge.gateway.asking import ask, in_background, native_at
from weighbridge.gateway.hedging import Hedging, Race, Runner
from weighbridge.gateway.tab import Tab
from weighbridge.providers.base import Answer, Provider
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.health import Health
from weighbridge.routing.retries import Budget, Retrying, backoff, is_final, usefulness
from weighbridge.routing.watch import Watch
from weighbridge.wire.surface import Asked

_UNTOLD: Final = 1.0
"""Seconds after which a client may come again, where no provider said when."""


class Dispatch:
    """Asks endpoints, for one worker."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        health: Health,
        seconds: Callable[[], float],
        retrying: Retrying | None = None,
        *,
        admission: Admission | None = None,
        hedging: Hedging | None = None,
        seed: int = 0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`seconds` is a clock that only goes forward, `admission` bounds what is asked at once; None: nothing does.

        `seed` decides the jitter of waits.
        """
        self.providers = providers
        self.health = health
        self.seconds = seconds
        self.admission = admission
        self.hedging = hedging
        self.retrying = retrying or Retrying()
        self.budget = Budget(self.retrying.share, self.retrying.a_second)
        self.chance = Random(seed).random  # noqa: S311 - the jitter of waits is no secret
        self.pause = pause

    def search(
        self, plan: Iterable[Candidate], asked: Asked, tab: Tab, hedge: bool | None = None, *, since: float = 0.0
    ) -> "Search":
        """The search for an answer to one request; a plan gives the same order each time it is read.

        `hedge` is its wish to have a second endpoint asked beside a slow one. `since` is when the search began, in
        seconds since the request came.
        """
        self.budget.asked()
        hedging = self.hedging
        if hedging is None or not (hedging.by_default if hedge is None else hedge):
            return Search(self, plan, iter(plan), asked, tab, since)
        hedging.budget.asked()
        return Search(self, plan, iter(plan), asked, tab, since, hedging)


class Search(msgspec.Struct, eq=False):
    """For one request's answer, from the first endpoint to the last round."""

    _dispatch: Dispatch
    _plan: Iterable[Candidate]
    _order: Iterator[Candidate]
    _asked: Asked
    _tab: Tab
    _since: float
    _hedging: Hedging | None = None
    _watch: Watch | None = None
    """Of whom is asked now."""
    _full: tuple[Candidate, ...] = ()
    """Passed over in this round: all their places are taken."""
    _place: Place | None = None
    """Where the next try is to be made, if it had to be waited for."""
    _over: tuple[Candidate, ...] = ()
    """Passed over in this round: they are closed just now."""
    _anyway: frozenset[str] = frozenset()
    """The ids of those whose turn has come all the same, as nobody else is left."""
    _ahead: tuple[Candidate, ...] = ()
    """Asked in this round before it was their turn."""
    _last: Candidate | None = None
    """Who was asked last."""
    _round: int = 0
    _final: frozenset[str] = frozenset()
    """The ids of endpoints that would say the same again."""
    _beyond: tuple[Model, ...] = ()
    """Models of which no endpoint would mend what is wrong."""
    _tried: frozenset[str] = frozenset()
    """The ids of endpoints that have failed."""
    _retry_after: float | None = None
    """The soonest that one of them told."""
    _told: WeighbridgeError | None = None
    _told_of: Model | None = None

    async def answer(self) -> Answer:
        """The answer of the next endpoint that gives one; the caller closes its body.

        Endpoints that are closed are asked when all others have failed, but for those at a rate limit that has time to
        go. An error that no other endpoint would mend ends the search at this model; a fallback may still do. Raises
        the most useful of the errors, with the time at which the first endpoint may be asked again.
        """
        dispatch, tab, hedging = self._dispatch, self._tab, self._hedging
        while True:
            one = self._next()
            if one is None and self._full:
                one = await self._turn()
            elif one is None:
                await self._again()
            asking = None if one is None else self._asking(one)
            if one is None or asking is None:
                continue
            watch, since = self._watch or dispatch.health.of(one.endpoint), tab.elapsed()
            place, self._place = self._place, None
            if hedging is not None:
                delay = hedging.delay(watch, dispatch.seconds(), streamed=self._asked.call.streamed)
                if delay is not None:
                    first = Runner(one, watch, self._asked, since, in_background(asking, place))
                    if (raced := await self._raced(first, delay)) is not None:
                        return raced
                    continue
            try:
                answer = await (asking if place is None else held(place, asking))
            except WeighbridgeError as exc:
                tab.failed(exc, since)
                watch.failed(dispatch.seconds(), tab.elapsed() - since, exc)
                self._note(one, exc)
            except asyncio.CancelledError:
                watch.left(dispatch.seconds(), tab.elapsed() - since)
                raise
            else:
                self._begun(answer, since, watch)
                return answer

    async def another(self, error: UpstreamError) -> Answer:
        """The answer of another endpoint, where the last one broke off with this error before a byte had left.

        Raises what `answer` does.
        """
        if self._last is not None:
            self._note(self._last, error)
        return await self.answer()

    def _next(self) -> Candidate | None:
        """The next endpoint of this round."""
        dispatch = self._dispatch
        for one in self._order:
            if self._told is not None and (self._is_past(one) or self._is_over(one)):
                continue
            if dispatch.admission is not None and not dispatch.admission.has_room(one.endpoint):
                self._full += (one,)
                continue
            self._watch = watch = dispatch.health.of(one.endpoint)
            if watch.begin(dispatch.seconds()):
                return one
            self._over += (one,)
        while self._over and not self._full:  # to wait for one that is well comes first
            one, self._over = self._over[0], self._over[1:]
            self._watch = watch = dispatch.health.of(one.endpoint)
            if not self._is_over(one) and watch.limited(dispatch.seconds()) is None:
                self._anyway |= {one.endpoint.id}
                return one
        return None

    async def _turn(self) -> Candidate | None:
        """Wait for a place at one of those that had none; None: that one would not do. Raises Overloaded."""
        dispatch = self._dispatch
        full = {one.endpoint.id: one for one in self._full if not self._is_over(one)}
        self._full = ()
        if dispatch.admission is None or not full:
            return None
        endpoints = [one.endpoint for one in full.values()]
        endpoint, place = await dispatch.admission.wait(endpoints, self._asked.priority or "normal")
        one = full.pop(endpoint.id)
        self._full = tuple(full.values())
        now, watch, anyway = dispatch.seconds(), dispatch.health.of(endpoint), endpoint.id in self._anyway
        if not watch.begin(now) and not (anyway and watch.limited(now) is None):
            place.leave()  # it has failed others meanwhile
            if not anyway:
                self._over += (one,)
            return None
        self._place, self._watch = place, watch
        return one

    def _is_past(self, one: Candidate) -> bool:
        """Whether it has failed before its turn; one that was only called off, for a faster one, has not."""
        return one in self._ahead and one.endpoint.id in self._tried

    def _is_over(self, one: Candidate) -> bool:
        """Whether nothing else is to be had of it."""
        return one.endpoint.id in self._final or any(one.model is model for model in self._beyond)

    def _asking(self, one: Candidate) -> Coroutine[None, None, Answer] | None:
        """Its being asked, to be awaited, with a place kept for it where places are counted; None: not now."""
        dispatch, asked, place = self._dispatch, self._asked, self._place
        provider = dispatch.providers[one.endpoint.provider]
        native = None if asked.native is None else native_at(provider, asked)
        if native is None and asked.untold is not None:
            self._final |= {one.endpoint.id}
            self._told = self._told or asked.untold
            if place is not None:
                place.leave()
                self._place = None
            return None
        if place is None and dispatch.admission is not None:
            self._place = place = dispatch.admission.enter(one.endpoint)
            if place is None:  # it was free when the endpoint was chosen
                dispatch.health.of(one.endpoint).left(dispatch.seconds(), 0.0)
                self._full += (one,)
                return None
        try:
            self._tab.trying(one)
        except WeighbridgeError:
            if place is not None:
                place.leave()
            dispatch.health.of(one.endpoint).left(dispatch.seconds(), 0.0)
            raise
        self._last = one
        return ask(provider, one.endpoint, asked, native)

    def _begun(self, answer: Answer, since: float, watch: Watch) -> None:
        now = self._dispatch.seconds()
        watch.answered(now, self._tab.answered(answer, since, watch))
        if answer.exhausted is not None:
            watch.told(now, answer.exhausted)

    async def _raced(self, first: Runner, delay: float) -> Answer | None:
        """The answer of this endpoint or of one that is asked beside it; None: both have failed."""
        race = Race(self._tab, self._dispatch.seconds, lambda: self._beside(first.one), self._note)
        won = await race.winner(first, delay)
        if won is None:
            return None
        runner, answer = won
        self._last = runner.one
        self._asked.repair, self._asked.passed = runner.asked.repair, runner.asked.passed
        self._begun(answer, runner.since, runner.watch)
        return answer

    def _beside(self, first: Candidate) -> Runner | None:
        """Another endpoint of the model, asked now; None: there is none that is well, cheap enough and free."""
        dispatch, tab, hedging = self._dispatch, self._tab, self._hedging
        for one in self._plan:
            watch = dispatch.health.of(one.endpoint)
            native = native_at(dispatch.providers[one.endpoint.provider], self._asked)
            fits = native is not None or self._asked.untold is None
            if hedging is None or one is first or one.model is not first.model or one.endpoint.id in self._tried:
                continue
            if not (fits and watch.breaker.until is None and watch.breaker.limited is None and hedging.may_cost(one)):
                continue
            place = None if dispatch.admission is None else dispatch.admission.enter(one.endpoint)
            if dispatch.admission is not None and place is None:
                continue
            if not hedging.budget.spend(dispatch.seconds()):
                if place is not None:
                    place.leave()
                return None
            try:
                tab.beside(one)
            except (BudgetSpent, LedgerUnavailable):
                if place is not None:
                    place.leave()
                return None
            asked = msgspec.structs.replace(self._asked)
            watch.begin(dispatch.seconds())
            self._ahead += (one,)
            task = in_background(ask(dispatch.providers[one.endpoint.provider], one.endpoint, asked, native), place)
            return Runner(one, watch, asked, tab.elapsed(), task)
        return None

    def _note(self, one: Candidate, error: WeighbridgeError) -> None:
        """Keep what the client is told if nobody answers."""
        self._tried |= {one.endpoint.id}
        if is_final(error):
            self._final |= {one.endpoint.id}
        if not error.try_another:
            self._beyond += (one.model,)
        if isinstance(error, UpstreamBusy) and error.retry_after is not None:
            self._retry_after = min(error.retry_after, self._retry_after or error.retry_after)
        told = self._told
        if told is None or (usefulness(error) >= usefulness(told) if error.try_another else one.model is self._told_of):
            self._told, self._told_of = error, one.model

    async def _again(self) -> None:
        """Begin another round, after a wait. Raises what is told where there is to be none."""
        dispatch = self._dispatch
        retrying = dispatch.retrying
        left = retrying.seconds - (self._tab.elapsed() - self._since)
        wait = self._wait()
        if (
            wait is None
            or self._round >= retrying.rounds
            or wait > left
            or not dispatch.budget.spend(dispatch.seconds())
        ):
            raise self._failure()
        self._round += 1
        self._ahead, self._anyway = (), frozenset()
        await dispatch.pause(wait)
        self._order = iter(self._plan)

    def _wait(self) -> float | None:
        """Seconds until another round makes sense; None: it makes none."""
        dispatch = self._dispatch
        now = dispatch.seconds()
        soonest = min((dispatch.health.of(one.endpoint).limited(now) or 0.0 for one in self._hopeful()), default=None)
        if soonest is None:
            return None
        jitter = backoff(self._round + 1, dispatch.chance())
        return soonest + jitter / 4 if soonest else jitter

    def _hopeful(self) -> Iterator[Candidate]:
        """Who may say something else next time."""
        return (one for one in self._plan if not self._is_over(one))

    def _failure(self) -> WeighbridgeError:
        """What the client is told."""
        told = self._told
        untried = [one for one in self._hopeful() if one.endpoint.id not in self._tried]
        if told is None and not untried:
            return UpstreamError("no endpoint is able to serve this model")
        if told is None or (untried and told is self._asked.untold):
            told = UpstreamBusy("every endpoint is at its provider's rate limit; wait, or take another model")
        if isinstance(told, UpstreamBusy):
            now = self._dispatch.seconds()
            limits = [self._dispatch.health.of(one.endpoint).limited(now) for one in untried]
            told.retry_after = min((wait for wait in (*limits, self._retry_after) if wait is not None), default=_UNTOLD)
        return told
