"""How a worker is now, and what grows elsewhere than by requests: put on its board once a second."""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from weighbridge.watching.meter import Meter

_STATM: Final = Path("/proc/self/statm")


class Shared(NamedTuple):
    """How a worker does with the server that is shared with other machines; counts are since it began."""

    fault: str | None = None
    hits: int = 0
    """Answers that were found there."""
    misses: int = 0
    failures: int = 0
    """Times that a request went on without an answer of the server's."""
    lost: int = 0
    """Answers that could not be written there."""
    told: int = 0
    """News of endpoints, to others."""
    heard: int = 0


class Now(NamedTuple):
    """What the rest of the worker says of itself."""

    connections: int
    in_flight: int
    """Requests that are being answered."""
    streams: int
    """Those of them whose answer has begun to leave."""
    waiting: int
    """Requests that wait for a place."""
    ledger_fault: bool
    ledger_backlog: int
    ledger_commits: int
    """Since the worker began."""
    ledger_entries: int
    spans: int
    spans_lost: int
    left_alone: Sequence[tuple[str, str, str]]
    """The provider, the model and the reason of each endpoint that is left alone."""
    texts_fault: bool
    texts_waiting: int
    """Bytes."""
    texts_kept: int
    texts_lost: int
    shared: Shared = Shared()


class Gauges:
    """For one worker."""

    def __init__(self, meter: Meter, now: Callable[[], Now]) -> None:
        self._meter = meter
        self._now = now
        self._counted: dict[str, int] = {}
        self._left_alone: set[tuple[str, ...]] = set()

    def put(self) -> None:
        """Look, and put it on the board."""
        meter, now = self._meter, self._now()
        for name, value in (
            ("connections", now.connections),
            ("in_flight", now.in_flight),
            ("streams", now.streams),
            ("waiting", now.waiting),
            ("ledger_fault", int(now.ledger_fault)),
            ("ledger_backlog", now.ledger_backlog),
            ("texts_fault", int(now.texts_fault)),
            ("texts_waiting", now.texts_waiting),
            ("shared_fault", int(now.shared.fault is not None)),
            ("rss", resident_bytes()),
        ):
            meter.set(name, to=value)
        self._grown("ledger_commits", now.ledger_commits)
        self._grown("ledger_entries", now.ledger_entries)
        self._grown("texts_kept", now.texts_kept)
        self._grown("texts_lost", now.texts_lost)
        for name in ("hits", "misses", "failures", "lost", "told", "heard"):
            self._grown(f"shared_{name}", getattr(now.shared, name))
        self._grown("spans", now.spans)
        self._grown("spans_lost", now.spans_lost)
        self._grown("cpu", time.process_time_ns() // 1000)
        counts: dict[tuple[str, ...], int] = {}
        for provider, model, why in now.left_alone:
            each = provider, meter.label(model), why
            counts[each] = counts.get(each, 0) + 1
        for labels in self._left_alone | counts.keys():
            meter.set("left_alone", *labels, to=counts.get(labels, 0))
        self._left_alone |= counts.keys()

    def _grown(self, name: str, total: int) -> None:
        """Add what has come since the last look: the board may have had more from a worker before."""
        more = total - self._counted.get(name, 0)
        if more:
            self._meter.count(name, by=more)
            self._counted[name] = total


def resident_bytes() -> int:
    """Memory of this process; where the system does not say it of the moment, the most that it had."""
    try:
        pages = int(_STATM.read_bytes().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * resource.getpagesize()
