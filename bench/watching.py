"""What it costs a request to be counted, traced and told: `python -m bench.watching`."""

import io
import logging
import tempfile
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.watching import logs
from weighbridge.watching.board import take
from weighbridge.watching.meter import MEANING, Meter
from weighbridge.watching.tracing import Tracer
from weighbridge.wire.usage import Usage

_TIMES: Final = 100_000
_ROUNDS: Final = 7
PROMISED: Final = 1.5
"""Microseconds to count a request that is no stream."""
WHOLE: Final = Entry(
    "wbr-019ab0c0d1e2f3a4b5c6d7e8f9000001",
    datetime(2026, 11, 22, tzinfo=UTC),
    "k-1",
    "tiny",
    "near/tiny",
    "near",
    "tiny",
    None,
    "complete",
    200,
    None,
    False,
    Charge(Usage(120, 55, cached=30), "provider", Decimal("0.000123456789"), "a", "b", None),
    0.2,
    1.3,
    (Attempt("near", "tiny", None, 0.2),),
)
STREAM: Final = msgspec.structs.replace(WHOLE, streamed=True)


def microseconds(work: Callable[[], object]) -> float:
    """The best of some rounds."""
    return min(timeit.repeat(work, number=_TIMES, repeat=_ROUNDS)) / _TIMES * 1e6


def main() -> None:
    """Print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        meter = Meter(take(Path(folder), MEANING), lambda model: True)
        tracer = Tracer(lambda *_: None, lambda: 0.0, share=1.0, passes_on=False, chance=Random(1))

        def traced() -> None:
            trace = tracer.begin({})
            if trace is not None:
                trace.asked("near", "tiny")
                trace.end(WHOLE, "chat")

        logs.begin("json", "info", io.StringIO())
        nothing = microseconds(lambda: None)
        figures = {
            "count a request": microseconds(lambda: meter.observe(WHOLE, "chat")),
            "count a stream": microseconds(lambda: meter.observe(STREAM, "chat")),
            "note a trace of one endpoint": microseconds(traced),
            "say a line of JSON": microseconds(lambda: logs.told(WHOLE, "chat")),
        }
        for name, taken in figures.items():
            print(f"{name:30} {taken - nothing:6.2f} µs")
        meter.close()
        logging.getLogger().handlers.clear()
        if figures["count a request"] - nothing > PROMISED:
            raise SystemExit(f"more than the {PROMISED} µs that were promised")


if __name__ == "__main__":
    main()
