"""What is told of a worker to whoever watches it: metrics, traces, a line for each request; all of it, or nothing."""

import asyncio
import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from weighbridge.catalog.model import Catalog
from weighbridge.config import Settings
from weighbridge.gateway.dispatch import Dispatch
from weighbridge.gateway.tab import Watched
from weighbridge.ledger.writer import Writer
from weighbridge.transport.server import Server
from weighbridge.watching import board, exposition, families
from weighbridge.watching.gauges import Gauges, Now
from weighbridge.watching.meter import GAUGE, MEANING, Meter

log = logging.getLogger(__name__)

_EVERY: Final = 1.0
"""Seconds between two looks at what is not counted by the request."""
_OF_THE_LIVING: Final = frozenset({GAUGE})


class Watching:
    """For one worker. `keep` runs in the background; `end` when its last entry is written."""

    def __init__(self, settings: Settings, catalog: Callable[[], Catalog], writer: Writer, dispatch: Dispatch) -> None:
        self._folder = settings.home / "run" / "metrics"
        self._writer = writer
        self._dispatch = dispatch
        self._version = version("weighbridge")
        self._server: Server | None = None
        self._meter: Meter | None = None
        self._gauges: Gauges | None = None
        if settings.server.metrics != "off":
            self._meter = Meter(board.take(self._folder, MEANING), lambda model: model in catalog().models)
            self._gauges = Gauges(self._meter, self._now)

    @property
    def watched(self) -> Watched | None:
        """Who is told of each settled request; None: nobody."""
        return None if self._meter is None else self._meter.observe

    async def keep(self, server: Server) -> None:
        """Go on looking at the worker."""
        self._server = server
        while self._gauges is not None:
            self._gauges.put()
            await asyncio.sleep(_EVERY)

    async def text(self, kind: str) -> bytes:
        """The metrics of all workers, in the format of this content type."""
        meter, gauges = self._meter, self._gauges
        if meter is None or gauges is None:
            return b""
        gauges.put()
        return await asyncio.to_thread(self._written, meter, kind)

    def end(self) -> None:
        """Nothing more is counted."""
        if self._meter is not None and self._gauges is not None:
            self._gauges.put()
            self._meter.close()
            self._gauges = None

    def _written(self, meter: Meter, kind: str) -> bytes:
        found = board.totals(self._folder, MEANING, meter.board, _OF_THE_LIVING)
        return exposition.written(families.samples(found, self._version), kind)

    def _now(self) -> Now:
        admission, writer = self._dispatch.admission, self._writer
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
            spans=0,
            spans_lost=0,
            left_alone=self._dispatch.health.left_alone(self._dispatch.seconds()),
        )
