"""What is told of a worker to whoever watches it: metrics, traces, a line for each request; all of it, or nothing."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from random import Random
from typing import Final

from weighbridge.catalog.model import Catalog
from weighbridge.config import ConfigError, Secret, Settings
from weighbridge.db import Connection, microseconds
from weighbridge.gateway.dispatch import Dispatch
from weighbridge.gateway.tab import Watched
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import EACH, Budget, window
from weighbridge.ledger.budgets.uses import uses
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.writer import Writer
from weighbridge.texts.keeper import Keeper
from weighbridge.transport.server import Server
from weighbridge.watching import board, exposition, families, logs
from weighbridge.watching.families import BudgetNow
from weighbridge.watching.gauges import Gauges, Now, Shared
from weighbridge.watching.meter import GAUGE, MEANING, OTHER, Meter
from weighbridge.watching.otel import Lacking, Telemetry, require
from weighbridge.watching.tracing import Tracer

_EVERY: Final = 1.0
"""Seconds between two looks at what is not counted by the request."""
_BUDGETS_EVERY: Final = 5.0
"""Seconds for which it holds how budgets stand: it is asked of the database."""
_OF_THE_LIVING: Final = frozenset({GAUGE})


class Watching:
    """For one worker. `keep` runs in the background; `end` when its last entry is written."""

    def __init__(
        self,
        settings: Settings,
        worker: str,
        catalog: Callable[[], Catalog],
        writer: Writer,
        dispatch: Dispatch,
        *,
        texts: Keeper,
        budgets: Callable[[], Awaitable[Sequence[BudgetNow]]],
        shared: Callable[[], Shared] = Shared,
    ) -> None:
        """`worker` is the id of this one, `budgets` tells how they stand, `shared` how it does with other machines.

        Raises ConfigError where traces are to be sent and cannot be.
        """
        self._folder = settings.home / "run" / "metrics"
        self._writer = writer
        self._dispatch = dispatch
        self._texts = texts
        self._budgets = budgets
        self._shared = shared
        self._budgets_now: tuple[float, Sequence[BudgetNow]] = (0.0, ())
        self._version = version("weighbridge")
        self._server: Server | None = None
        self._meter: Meter | None = None
        self._gauges: Gauges | None = None
        is_known: Callable[[str], bool] = lambda model: model in catalog().models  # noqa: E731 - for two
        if settings.server.metrics != "off":
            self._meter = Meter(board.take(self._folder, MEANING), is_known)
            self._gauges = Gauges(self._meter, self._now)
        self._telemetry = _telemetry(settings, worker, lambda model: model if is_known(model) else OTHER)
        told = settings.telemetry
        self.tracer: Tracer | None = None
        """Who begins traces; None: nobody."""
        if self._telemetry is not None and told.traces:
            self.tracer = Tracer(
                self._telemetry.traced,
                time.perf_counter,
                share=told.trace_percent / 100,
                passes_on=told.pass_on,
                chance=Random(secrets.randbits(128)),  # noqa: S311 - ids, and which are kept: no secrets
            )
        self.watched = self._watched(access=settings.logging.access, sends_metrics=told.metrics)
        """Who is told of each settled request; None: nobody."""

    def _watched(self, *, access: bool, sends_metrics: bool) -> Watched | None:
        found: list[Watched] = []
        if self._meter is not None:
            found.append(self._meter.observe)
        if self._telemetry is not None and sends_metrics:
            found.append(self._telemetry.counted)
        if access:
            found.append(logs.told)
        return _all_of(found) if len(found) > 1 else found[0] if found else None

    async def keep(self, server: Server) -> None:
        """Go on looking at the worker."""
        self._server = server
        if self._telemetry is not None:
            self._telemetry.start()
        while self._gauges is not None:
            self._gauges.put()
            await asyncio.sleep(_EVERY)

    async def text(self, kind: str) -> bytes:
        """The metrics of all workers, in the format of this content type."""
        meter, gauges = self._meter, self._gauges
        if meter is None or gauges is None:
            return b""
        gauges.put()
        if time.perf_counter() >= self._budgets_now[0]:
            self._budgets_now = time.perf_counter() + _BUDGETS_EVERY, await self._budgets()
        return await asyncio.to_thread(self._written, meter, kind)

    async def end(self) -> None:
        """Nothing more is counted; what is not sent yet is."""
        if self._telemetry is not None:
            await asyncio.to_thread(self._telemetry.close)
        if self._meter is not None and self._gauges is not None:
            self._gauges.put()
            self._meter.close()
            self._gauges = None

    def _written(self, meter: Meter, kind: str) -> bytes:
        found = board.totals(self._folder, MEANING, meter.board, _OF_THE_LIVING)
        return exposition.written(families.samples(found, self._version, self._budgets_now[1]), kind)

    def _now(self) -> Now:
        admission, writer, texts = self._dispatch.admission, self._writer, self._texts.stats
        connections, in_flight, streams = (0, 0, 0) if self._server is None else self._server.under_way()
        return Now(
            connections=connections,
            in_flight=in_flight,
            streams=streams,
            waiting=0 if admission is None else admission.waiting,
            ledger_fault=writer.fault is not None,
            ledger_backlog=writer.backlog,
            ledger_commits=writer.commits,
            ledger_entries=writer.committed,
            spans=0 if self._telemetry is None else self._telemetry.exported,
            spans_lost=0 if self._telemetry is None else self._telemetry.spans_lost,
            left_alone=self._dispatch.health.left_alone(self._dispatch.seconds()),
            texts_fault=texts.fault is not None,
            texts_waiting=texts.waiting,
            texts_kept=texts.kept,
            texts_lost=texts.lost,
            shared=self._shared(),
        )


def _all_of(watchers: list[Watched]) -> Watched:
    def watched(entry: Entry, operation: str) -> None:
        for each in watchers:
            each(entry, operation)

    return watched


def budgets_now(connection: Connection, now: datetime) -> list[BudgetNow]:
    """How the budgets stand that are not for each of several, by the database's own word. Raises db.Error."""
    single = {each.id: each for each in table.listing(connection) if each.name != EACH and each.period != "at once"}
    if not single:
        return []
    begins = {id_: window(budget.period, microseconds(now)).begins for id_, budget in single.items()}
    used = {use.claim.budget: use.used for use in uses(connection, begins)}
    return [
        BudgetNow(
            (id_, budget.scope, budget.unit, budget.period),
            _amount(budget, budget.amount),
            _amount(budget, used.get(id_, 0)),
        )
        for id_, budget in single.items()
    ]


def _amount(budget: Budget, amount: int) -> Decimal:
    return amount * SMALLEST if budget.unit == "usd" else Decimal(amount)


def check_telemetry(settings: Settings) -> None:
    """Raise ConfigError where telemetry is to be sent and cannot be, before a worker would."""
    _headers(settings.telemetry.headers)
    if settings.telemetry.endpoint is not None:
        try:
            require()
        except Lacking as exc:
            raise ConfigError(f"telemetry.endpoint: {exc}") from exc


def _telemetry(settings: Settings, worker: str, label: Callable[[str], str]) -> Telemetry | None:
    told = settings.telemetry
    if told.endpoint is None:
        return None
    check_telemetry(settings)
    return Telemetry(
        told.endpoint,
        headers=_headers(told.headers),
        service=told.service,
        instance=worker,
        version=version("weighbridge"),
        traces=told.traces,
        metrics_every=told.metrics_seconds if told.metrics else None,
        label=label,
    )


def _headers(given: Secret | None) -> Mapping[str, str]:
    """`name=value,name=value` as a mapping. Raises ConfigError, which does not quote it."""
    pairs = [] if given is None else [each.partition("=") for each in given.reveal().split(",")]
    if any(not (name.strip() and value.strip()) for name, _, value in pairs):
        raise ConfigError("telemetry.headers: expected name=value, with commas between several")
    return {name.strip(): value.strip() for name, _, value in pairs}
