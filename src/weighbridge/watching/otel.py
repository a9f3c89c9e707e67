"""Spans and metrics on their way to an OpenTelemetry collector, in a thread of their own.

A request leaves its entry in a queue and goes on. Where the collector is slow the queue fills, where it is gone it
empties into nothing; either way the spans that it did not get are counted, and nobody waits.
"""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from weighbridge.ledger.entry import Entry
from weighbridge.watching import conventions
from weighbridge.watching.conventions import DURATIONS, FIRST_TOKENS, PER_TOKEN, TOKENS, provider_name
from weighbridge.watching.meter import NONE
from weighbridge.watching.spans import Span, spans
from weighbridge.watching.tracing import Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger(__name__)

_ROOM: Final = 8192
"""Settled requests that may wait."""
_A_BATCH: Final = 256
_EVERY: Final = 1.0
"""Seconds that one waits at most before it is sent."""
_PATIENCE: Final = 5.0
"""Seconds that the collector has to take a batch, repeats included."""
_LAST: Final = 1.5
"""Seconds that it has for what is left at the stop; once for spans, once for metrics."""
_INSTALL: Final = "it needs OpenTelemetry's SDK: pip install 'weighbridge[otel]'"
Settled = tuple[Entry, str, Trace | None]


class Lacking(Exception):
    """The packages are not installed; the message says how they are."""


def require() -> None:
    """Raise Lacking unless the packages of the extra are installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: PLC0415
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415
    except ImportError as exc:
        raise Lacking(_INSTALL) from exc


class Telemetry:
    """For one worker. `traced` and `counted` are called on the loop."""

    def __init__(
        self,
        endpoint: str,
        *,
        headers: Mapping[str, str],
        service: str,
        instance: str,
        version: str,
        traces: bool,
        metrics_every: float | None,
        label: Callable[[str], str],
    ) -> None:
        """See `require` for what it takes.

        `metrics_every` is in seconds; None: no metrics are sent. `label` is what a model is called in a metric.
        """
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # we say it ourselves, and once
        self._endpoint = endpoint
        self._label = label
        self._resource = Resource.create(
            {"service.name": service, "service.version": version, "service.instance.id": instance}
        )
        root = endpoint.rstrip("/")
        self._exporter = (
            OTLPSpanExporter(f"{root}/v1/traces", headers=dict(headers), timeout=_PATIENCE) if traces else None
        )
        self._metrics = (
            None
            if metrics_every is None
            else _Metrics(f"{root}/v1/metrics", headers, self._resource, metrics_every, label)
        )
        self._version = version
        self._queue: deque[Settled] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._silent = False
        self.exported = 0
        """Spans that the collector took."""
        self.lost = 0
        """Spans that it did not take."""
        self._overflown = 0
        """Spans for which there was no room; written by the loop alone."""
        self._thread = threading.Thread(target=self._work, name="telemetry", daemon=True)

    @property
    def spans_lost(self) -> int:
        """Spans that nobody will see."""
        return self.lost + self._overflown

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def traced(self, entry: Entry, operation: str, trace: Trace) -> None:
        """Send the spans of a settled request."""
        if len(self._queue) >= _ROOM:
            self._overflown += 1 + len(trace.asks)
            return
        self._put((entry, operation, trace))

    def counted(self, entry: Entry, operation: str) -> None:
        """Count a settled request in the metrics that are sent."""
        if self._metrics is not None and len(self._queue) < 2 * _ROOM:
            self._put((entry, operation, None))

    def close(self) -> None:
        """Send what is left, within a few seconds. Blocks; idempotent."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_LAST)
        if self._exporter is not None:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
            self._exporter = None
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        left = sum(1 + len(trace.asks) for _, _, trace in self._queue if trace is not None)
        self.lost += left
        self._queue.clear()
        if left:
            log.warning("%d spans were not sent before the stop", left)

    def _put(self, settled: Settled) -> None:
        queue = self._queue
        queue.append(settled)
        if len(queue) >= _A_BATCH:
            self._wake.set()

    # in the thread

    def _work(self) -> None:
        while not self._stopping or self._queue:
            self._wake.wait(_EVERY)
            self._wake.clear()
            while self._queue:
                try:
                    self._send(self._batch())
                except Exception:  # whatever it is, the next batch may do
                    log.exception("telemetry failed")
                if self._stopping and self._silent:
                    return

    def _batch(self) -> Sequence[Settled]:
        batch: list[Settled] = []
        with contextlib.suppress(IndexError):  # emptied
            while len(batch) < _A_BATCH:
                batch.append(self._queue.popleft())
        return batch

    def _send(self, batch: Sequence[Settled]) -> None:
        made: list[ReadableSpan] = []
        for entry, operation, trace in batch:
            if trace is not None:
                made += [self._made(span, trace) for span in spans(entry, operation, trace)]
            elif self._metrics is not None:
                self._metrics.count(entry, operation)
        exporter = self._exporter
        if not made or exporter is None:
            return
        is_taken = exporter.export(made).name == "SUCCESS"
        if is_taken:
            self.exported += len(made)
        else:
            self.lost += len(made)
        if is_taken is self._silent:
            self._silent = not is_taken
            if is_taken:
                log.warning("the collector at %s takes spans again", self._endpoint)
            else:
                log.warning("the collector at %s takes no spans; they are lost until it does", self._endpoint)

    def _made(self, span: Span, trace: Trace) -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - an extra; it was imported at the start
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

        kept = TraceFlags(TraceFlags.SAMPLED)
        parent = None if span.parent is None else SpanContext(trace.id, span.parent, span.is_remote, kept)
        return ReadableSpan(
            span.name,
            SpanContext(trace.id, span.id, False, kept),
            parent,
            self._resource,
            span.attributes,
            kind=SpanKind.SERVER if span.kind == "server" else SpanKind.CLIENT,
            status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=span.begin,
            end_time=span.end,
            instrumentation_scope=InstrumentationScope("weighbridge", self._version),
        )


class _Metrics:
    """The conventions' metrics, added up by the SDK, and sent by it now and then."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        resource: "Resource",
        every: float,
        label: Callable[[str], str],
    ) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415

        exporter = OTLPMetricExporter(endpoint, headers=dict(headers), timeout=_PATIENCE)
        reader = PeriodicExportingMetricReader(exporter, every * 1000, _PATIENCE * 1000)
        self._provider: MeterProvider = MeterProvider((reader,), resource, shutdown_on_exit=False)
        self._label = label
        meter = self._provider.get_meter("weighbridge")

        def histogram(name: str, unit: str, bounds: Sequence[float]):  # type: ignore[no-untyped-def]  # noqa: ANN202
            return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=list(bounds))

        self._tokens = histogram(conventions.TOKEN_USAGE, "{token}", TOKENS)
        self._duration = histogram(conventions.REQUEST_DURATION, "s", DURATIONS)
        self._first = histogram(conventions.TIME_TO_FIRST_TOKEN, "s", FIRST_TOKENS)
        self._per_token = histogram(conventions.TIME_PER_OUTPUT_TOKEN, "s", PER_TOKEN)
        self._cost = meter.create_counter("weighbridge.cost", "{USD}")

    def count(self, entry: Entry, operation: str) -> None:
        """One settled request."""
        route = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": NONE if entry.provider is None else provider_name(entry.provider),
            "gen_ai.request.model": NONE if entry.model is None else self._label(entry.model),
        }
        ended = route if entry.ending == "complete" else {**route, "error.type": entry.ending}
        self._duration.record(entry.duration, ended)
        charge = entry.charge
        if charge is None or charge.counted_by == "cache":
            return
        usage = charge.usage
        self._tokens.record(usage.prompt, {**route, "gen_ai.token.type": "input"})
        self._tokens.record(usage.completion, {**route, "gen_ai.token.type": "output"})
        if charge.cost is not None:
            self._cost.add(float(charge.cost), route)
        if entry.streamed and entry.first_byte is not None:
            self._first.record(entry.first_byte, route)
            if usage.completion > 1 and entry.ending == "complete":
                self._per_token.record((entry.duration - entry.first_byte) / (usage.completion - 1), route)

    def close(self) -> None:
        """Send what was counted since the last time."""
        with contextlib.suppress(Exception):  # the collector may have gone: that much was counted at /metrics too
            self._provider.shutdown(_LAST * 1000)
