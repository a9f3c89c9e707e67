"""The alerts of a worker: what its parts tell goes to the outbox, and from there to the webhook, all in the background.

Where no webhook is set there is none of it.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Final, TypeVar, get_args

from weighbridge import db
from weighbridge.alerts import breakers, outbox, prices, signature, webhook
from weighbridge.alerts.breakers import Wanted
from weighbridge.alerts.event import Event, EventType, Figure
from weighbridge.alerts.outbox import Alert
from weighbridge.alerts.webhook import Outcome, Webhook
from weighbridge.app import budget_alerts
from weighbridge.catalog.model import Catalog, Endpoint, Price
from weighbridge.config import ConfigError, Settings
from weighbridge.db import Connection
from weighbridge.ledger.cost import plain
from weighbridge.ledger.entry import Entry
from weighbridge.routing.health import Snapshot
from weighbridge.transport.client import Patience, Pool
from weighbridge.transport.deadlines import Deadlines

log = logging.getLogger(__name__)

T = TypeVar("T")

_MOST_UNWRITTEN: Final = 10_000
"""Events in memory while the outbox cannot be written; more are lost, and the log says so."""
_LOOK_SECONDS: Final = 1.0
"""Between two looks at the endpoints, and at what others have left to deliver."""
_BUDGETS_SECONDS: Final = 2.0
_PRICES_SECONDS: Final = 300.0
_SWEEP_SECONDS: Final = 3600.0
_AT_ONCE: Final = 2

Record = Callable[[Entry], asyncio.Future[None]]
"""Writes an entry down: see Writer.record."""


def alerts_of(
    settings: Settings,
    deadlines: Deadlines,
    connect: Callable[[], Connection],
    *,
    worker: str,
    now: Callable[[], datetime],
) -> "Alerts | None":
    """A worker's alerts; None where no webhook is set. Raises ConfigError as `webhook_of` does."""
    hook = webhook_of(settings, deadlines)
    return None if hook is None else Alerts(settings, hook, connect(), worker=worker, now=now)


def webhook_of(settings: Settings, deadlines: Deadlines) -> Webhook | None:
    """Where alerts go; None where nothing is set. Raises ConfigError for a webhook without a good secret."""
    chosen = settings.alerts
    if chosen.url is None:
        return None
    if chosen.secret is None:
        raise ConfigError(
            "alerts.secret: a webhook is signed: set WEIGHBRIDGE_ALERTS_SECRET (weighbridge alerts secret)"
        )
    try:
        keys = signature.keys_of(chosen.secret.reveal())
    except ValueError as error:
        raise ConfigError(f"alerts.secret: {error}") from error
    seconds = chosen.timeout_seconds
    patience = Patience(connect=seconds, first_byte=seconds, idle=seconds)
    tls = ssl.create_default_context(cafile=settings.upstream.ca_file)
    pool = Pool(webhook.origin(chosen.url), patience=patience, deadlines=deadlines, tls=tls, limit=_AT_ONCE)
    return Webhook(chosen.url, keys, pool)


class Alerts:
    """For one worker, on a connection of its own. `run` it in the background, and `tell` it from the loop."""

    def __init__(
        self,
        settings: Settings,
        hook: Webhook,
        connection: Connection,
        *,
        worker: str,
        now: Callable[[], datetime],
    ) -> None:
        self._hook = hook
        self._connection = connection
        self._worker = worker
        self._now = now
        self._wanted: frozenset[str] = frozenset(settings.alerts.events or get_args(EventType))
        self._told: deque[Event] = deque()
        self._awake = asyncio.Event()
        self._due = asyncio.Event()
        self._in_trouble = False
        self._turns = asyncio.Lock()

    def tell(self, event: Event) -> None:
        """See alerts.event.Tell."""
        if event.type not in self._wanted:
            return
        if len(self._told) >= _MOST_UNWRITTEN:
            log.error("an alert is lost, as the outbox cannot be written: %s", event)
            return
        self._told.append(event)
        self._awake.set()

    def heeding(self, record: Record) -> Record:
        """The same, and where an answer named another model than was asked for, tell of it."""

        def heeded(entry: Entry) -> asyncio.Future[None]:
            self._heed(entry)
            return record(entry)

        return heeded

    def _heed(self, entry: Entry) -> None:
        for attempt in entry.attempts:
            if attempt.answered_as is not None:
                endpoint = f"{attempt.provider}/{attempt.upstream_model}"
                self.tell(
                    Event(
                        type="drift.found",
                        at=self._now(),
                        subject={"endpoint": endpoint, "provider": attempt.provider},
                        figures={"asked": attempt.upstream_model, "answered_as": attempt.answered_as},
                        mark=f"drift.found {endpoint} {attempt.answered_as} {entry.at:%Y-%m-%d}",
                    )
                )

    async def run(self, snapshot: Callable[[], Snapshot], catalog: Callable[[], Catalog]) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_writing())
            for _ in range(_AT_ONCE):
                group.create_task(self._keep_delivering())
            if self._wanted & {"breaker.opened", "breaker.closed"}:
                group.create_task(self._watch_endpoints(snapshot))
            if self._wanted & {"budget.warned", "budget.spent"}:
                group.create_task(self._watch_budgets())
            if "price.changed" in self._wanted:
                group.create_task(self._watch_prices(catalog))
            group.create_task(self._sweep())

    async def close(self) -> None:
        """Write what was told last; it is delivered after the next start, or by another worker."""
        try:
            await self._write()
        except db.Error as exc:
            log.error("alerts are lost, as the outbox cannot be written: %s: %s", exc, list(self._told))
        self._hook.pool.close()
        self._connection.close()

    async def _keep_writing(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            if not await self._tried(self._write()):
                await asyncio.sleep(_LOOK_SECONDS)
                self._awake.set()

    async def _write(self) -> None:
        while self._told:
            event = self._told[0]
            await self._in_turn(lambda connection: outbox.put(connection, event))  # noqa: B023 - done before the next
            self._told.popleft()
            self._due.set()

    async def _keep_delivering(self) -> None:
        while True:
            await self._tried(self._deliver())
            self._due.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._due.wait()

    async def _deliver(self) -> None:
        """All that is due."""
        while (alert := await self._in_turn(lambda connection: outbox.take(connection, now=self._now()))) is not None:
            outcome = await self._hook.deliver(alert.id, alert.body, self._now())
            await self._in_turn(lambda connection: self._note(connection, alert, outcome))  # noqa: B023 - likewise

    def _note(self, connection: Connection, alert: Alert, outcome: Outcome) -> None:
        now = self._now()
        if outcome.trouble is None:
            outbox.delivered(connection, alert.id, now=now)
            return
        again = webhook.again(alert.tries, outcome, now)
        outbox.failed(connection, alert.id, outcome.trouble, now=now, again=again)
        when = "it is given up" if again is None else f"again at {again:%H:%M:%S}"
        log.warning("the alert %s (%s) did not arrive, %s: %s", alert.id, alert.type, when, outcome.trouble)

    async def _watch_endpoints(self, snapshot: Callable[[], Snapshot]) -> None:
        wanted = Wanted("breaker.opened" in self._wanted, "breaker.closed" in self._wanted)
        said: frozenset[str] = frozenset()
        since = self._now() - breakers.FRESH
        while True:
            alone = dict(_alone(snapshot()))
            now = self._now()
            if said != alone.keys() or now - since >= breakers.FRESH:

                def note(
                    connection: Connection, alone: Mapping[str, Mapping[str, Figure]] = alone, now: datetime = now
                ) -> None:
                    breakers.note(connection, self._worker, alone, now=now, wanted=wanted)

                if await self._tried(self._in_turn(note)):
                    said, since = frozenset(alone), now
                    self._due.set()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _watch_budgets(self) -> None:
        told: set[str] = set()
        """Marks that this worker need not put again; the outbox would know them, but it would have to be asked."""
        while True:
            if await self._tried(self._in_turn(lambda connection: self._note_budgets(connection, told))):
                self._due.set()
            await asyncio.sleep(_BUDGETS_SECONDS)

    def _note_budgets(self, connection: Connection, told: set[str]) -> None:
        events = {event.mark: event for event in budget_alerts.due(connection, self._now())}
        for mark, event in events.items():
            if mark not in told and event.type in self._wanted:
                outbox.put(connection, event)
        told.clear()
        told.update(events)

    async def _watch_prices(self, catalog: Callable[[], Catalog]) -> None:
        while True:
            now, every = self._now(), catalog().models.values()
            found = {endpoint.id: prices_of(endpoint, now) for model in every for endpoint in model.endpoints}
            await self._tried(self._in_turn(lambda connection: prices.note(connection, found, now=now)))  # noqa: B023
            await asyncio.sleep(_PRICES_SECONDS)

    async def _sweep(self) -> None:
        while True:
            await self._tried(self._in_turn(lambda connection: outbox.forget_old(connection, now=self._now())))
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _in_turn(self, work: Callable[[Connection], T]) -> T:
        """One after the other, as there is one connection."""
        async with self._turns:
            return await db.in_thread(work, self._connection)

    async def _tried(self, work: Awaitable[object]) -> bool:
        """Whether the database did it; the first time that it does not, the log says so."""
        try:
            await work
        except db.Error as exc:
            if not self._in_trouble:
                log.error("alerts cannot be written down or read: %s", exc)
            self._in_trouble = True
            return False
        self._in_trouble = False
        return True


def prices_of(endpoint: Endpoint, now: datetime) -> prices.Price:
    """What an endpoint costs on the day of `now`, whatever the hour: US dollars in digits."""
    by_hours: dict[str, Price] = {}
    for price in endpoint.prices:
        if price.since is None or price.since <= now.date():
            hours = "" if price.hours is None else f"_{price.hours[0]:%H%M}_{price.hours[1]:%H%M}"
            by_hours[hours] = price
    return {
        f"{rate}{hours}": told for hours, price in by_hours.items() for rate, told in _rates(price) if told is not None
    }


def _rates(price: Price) -> Iterator[tuple[str, str | None]]:
    rates = {
        "input": price.input,
        "output": price.output,
        "cache_read": price.cache_read,
        "cache_write": price.cache_write,
    }
    for name, rate in rates.items():
        if rate is not None:
            yield name, plain(rate.base)
            yield from ((f"{name}_above_{start}", plain(amount)) for start, amount in rate.tiers)
    if price.per_request:
        yield "request", plain(price.per_request)


def _alone(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, Figure]]]:
    """The endpoints that are left alone for their failures or slowness; one that limits our rate is well."""
    for id_, state in snapshot.states.items():
        if state.closed_until is not None and state.why in ("breaker", "outlier"):
            yield id_, {"why": state.why, "requests": state.requests, "failures": state.failures}
