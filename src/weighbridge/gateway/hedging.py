"""When a second endpoint is asked beside the first, which is slow to begin: whichever begins first gives the answer.

The other one is called off, and is charged for what it may have done till then. So there is a bound to the share of the
requests that are hedged, and to what a second endpoint may cost.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from weighbridge.errors import WeighbridgeError
from weighbridge.gateway.tab import Tab
from weighbridge.providers.base import Answer
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.retries import Budget
from weighbridge.routing.watch import Watch
from weighbridge.wire.surface import Asked

_SHARE: Final = 0.95
_LEAST_SEEN: Final = 20
"""Requests of an endpoint, lately, before it is known what is slow for it."""
_SHORTEST: Final = 0.01
"""Seconds that the first one has at least."""


@dataclass(frozen=True, slots=True)
class Hedging:
    """In one worker."""

    budget: Budget
    """Of second requests."""
    most_cost: Decimal
    """US dollars that the request may be expected to come to at the second endpoint."""
    by_default: bool = False
    """For requests that do not say whether they want it."""

    def delay(self, watch: Watch, now: float, *, streamed: bool) -> float | None:
        """Seconds after which a second endpoint is asked; None: too little is known of the first."""
        usual = watch.first_byte(_SHARE, now, _LEAST_SEEN, streamed=streamed)
        return None if usual is None else max(usual, _SHORTEST)

    def may_cost(self, second: Candidate) -> bool:
        """Whether it is cheap enough; one whose price nobody knows is not."""
        return second.cost is not None and second.cost <= self.most_cost


def drop(task: "asyncio.Task[Answer]") -> None:
    """Call it off; should an answer come all the same, it is closed."""

    def closed(done: "asyncio.Task[Answer]") -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().body.close()

    task.add_done_callback(closed)
    task.cancel()


@dataclass(frozen=True, slots=True)
class Runner:
    """One endpoint that has the request."""

    one: Candidate
    watch: Watch
    asked: Asked
    """What it is asked: each has its own, in which it is noted how the answer is to be read."""
    since: float
    """When it was asked, in seconds of the request's own time."""
    task: "asyncio.Task[Answer]"


@dataclass(frozen=True, slots=True)
class Race:
    """Between the endpoints of one request."""

    tab: Tab
    seconds: Callable[[], float]
    second: Callable[[], Runner | None]
    """Ask another endpoint, if one may be asked."""
    failed: Callable[[Candidate, WeighbridgeError], None]
    """Is told of each that failed."""

    async def winner(self, first: Runner, delay: float) -> tuple[Runner, Answer] | None:
        """Who begins to answer first, and its answer; the tab is on it. None: all have failed.

        Where the request is called off, all are, and whoever is not on the tab is charged to an attempt of its own.
        """
        running = [first]
        try:
            await asyncio.wait({first.task}, timeout=delay)
            if not first.task.done() and (second := self.second()) is not None:
                running.append(second)
            while running:
                await asyncio.wait({runner.task for runner in running}, return_when=asyncio.FIRST_COMPLETED)
                done = [runner for runner in running if runner.task.done()]
                begun = [runner for runner in done if runner.task.exception() is None]
                for runner in done:
                    if runner not in begun:
                        self._out(runner, running)
                if begun:
                    return self._won(begun[0], running)
        except asyncio.CancelledError:
            for runner in running:
                drop(runner.task)
                self._left(runner)
            for runner in running[1:]:
                self.tab.lost(runner.one, runner.since)
            raise
        return None

    def _won(self, runner: Runner, running: list[Runner]) -> tuple[Runner, Answer]:
        self._call_off([other for other in running if other is not runner])
        if runner is not running[0]:
            self.tab.at(runner.one)
        return runner, runner.task.result()

    def _call_off(self, losers: list[Runner]) -> None:
        for runner in losers:
            drop(runner.task)
            self.tab.lost(runner.one, runner.since)
            waited = self._left(runner)
            runner.watch.spoke_after(self.seconds(), waited, streamed=runner.asked.call.streamed)  # at least so long

    def _left(self, runner: Runner) -> float:
        waited = self.tab.elapsed() - runner.since
        runner.watch.left(self.seconds(), waited)
        return waited

    def _out(self, runner: Runner, running: list[Runner]) -> None:
        """It has failed: another that runs is the one on the tab from here on. Raises what is no provider's error."""
        error = runner.task.exception()
        if not isinstance(error, WeighbridgeError):
            self._call_off([other for other in running if other is not runner])
            runner.task.result()
            return
        on_tab = runner is running[0]
        running.remove(runner)
        if not on_tab:
            self.tab.failed_beside(runner.one, error, runner.since)
        else:
            self.tab.failed(error, runner.since)
            if running:
                self.tab.at(running[0].one)
        runner.watch.failed(self.seconds(), self.tab.elapsed() - runner.since, error)
        self.failed(runner.one, error)
