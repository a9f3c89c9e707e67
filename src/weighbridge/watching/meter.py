"""Counts each settled request on the worker's board, in about a microsecond.

One record has all that is counted of the requests of one operation to one model at one provider, so that a request
looks one place up, and then adds to whole numbers: tokens, microseconds, and 1e-12 US dollars. What is rare has a
record of its own. Labels are bounded: a model that the catalogue has not got is `other`, whoever asked for it.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate, chain
from typing import Final, get_args
from zlib import crc32

from weighbridge.ledger.entry import HEDGE_LOST, Attempt, Charge, Ending, Entry
from weighbridge.watching.board import Board
from weighbridge.watching.conventions import DURATIONS, FIRST_TOKENS, PER_TOKEN, TOKENS

ENDINGS: Final[tuple[Ending, ...]] = get_args(Ending)
NONE: Final = "none"
"""The label of a request that came to no model, or no provider."""
OTHER: Final = "other"
REQUESTS: Final = "requests"
"""The kind of the records of requests; the rest of the key is operation, provider and model."""
COUNTER: Final = "counter"
"""The kind of a record with one figure that only grows; the rest of the key is the family's name and its labels."""
GAUGE: Final = "gauge"
"""The same of one that tells how a worker is now."""

Block = tuple[str, int]
_BLOCKS: Final[tuple[Block, ...]] = (
    # a bucket for each bound and one beyond, then the sum; of durations that for each ending
    *((f"duration {ending}", len(DURATIONS) + 2) for ending in ENDINGS),
    ("first token", len(FIRST_TOKENS) + 2),
    ("per token", len(PER_TOKEN) + 2),
    ("input", len(TOKENS) + 2),
    ("output", len(TOKENS) + 2),
    ("cached", 1),
    ("written", 1),
    ("reasoning", 1),
    ("cost", 1),
    ("millions", 1),
    ("unpriced", 1),
    ("estimated", 1),
    ("given again", 1),
    ("at once", 1),
)
"""What a record of requests has, in this order, and how many figures each takes."""
_SIZES: Final = dict(_BLOCKS)
PLACES: Final = dict(zip(_SIZES, accumulate(chain((0,), _SIZES.values())), strict=False))
"""Where each begins."""
FIGURES: Final = sum(size for _, size in _BLOCKS)
MEANING: Final = crc32(repr(_BLOCKS).encode())
"""Changes whenever the figures of a record do: older boards are begun anew."""

_DURATION: Final = {ending: PLACES[f"duration {ending}"] for ending in ENDINGS}
_DURATION_SUM: Final = len(DURATIONS) + 1
_FIRST: Final = PLACES["first token"]
_FIRST_SUM: Final = _FIRST + len(FIRST_TOKENS) + 1
_PER: Final = PLACES["per token"]
_PER_SUM: Final = _PER + len(PER_TOKEN) + 1
_INPUT: Final = PLACES["input"]
_INPUT_SUM: Final = _INPUT + len(TOKENS) + 1
_OUTPUT: Final = PLACES["output"]
_OUTPUT_SUM: Final = _OUTPUT + len(TOKENS) + 1
_CACHED, _WRITTEN, _REASONING = PLACES["cached"], PLACES["written"], PLACES["reasoning"]
_COST, _MILLIONS = PLACES["cost"], PLACES["millions"]
_UNPRICED, _ESTIMATED = PLACES["unpriced"], PLACES["estimated"]
_GIVEN_AGAIN, _AT_ONCE = PLACES["given again"], PLACES["at once"]
_MICRO: Final = 1e6
_PICO: Final = Decimal(10**12)
A_MILLION: Final = 10**18
"""US dollars, in units of 1e-12: beyond nine of them a figure has no room."""


class Meter:
    """Of one worker; `observe` is called for each request, on the loop."""

    def __init__(self, board: Board, is_known: Callable[[str], bool]) -> None:
        """`is_known` says whether the catalogue has a model of this id."""
        self.board = board
        self._is_known = is_known
        self._figures = board.figures
        self._records: dict[tuple[str, str | None, str | None], memoryview[int]] = {}
        self._single: dict[tuple[str, ...], int | None] = {}
        board.clear(GAUGE)
        self._rest = self._part((REQUESTS, OTHER, OTHER, OTHER))

    def observe(self, entry: Entry, operation: str) -> None:
        """Count a settled request; `operation` is what the conventions call what was asked for."""
        provider, model, seconds = entry.provider, entry.model, entry.duration
        record = self._records.get((operation, provider, model))
        if record is None:
            record = self._record(operation, provider, model)
        spot = _DURATION[entry.ending]
        record[spot + bisect_left(DURATIONS, seconds)] += 1
        record[spot + _DURATION_SUM] += int(seconds * _MICRO)
        attempts = entry.attempts
        if len(attempts) == 1 and attempts[0].error is None:
            record[_AT_ONCE] += 1
        elif attempts:
            self._attempts(attempts)
        if entry.error is not None:
            self.count("request_errors", entry.error)
        charge = entry.charge
        if charge is not None:
            _charge(record, entry, charge)

    def count(self, family: str, *labels: str, by: int = 1) -> None:
        """Add to a counter of its own."""
        place = self._place((COUNTER, family, *labels))
        if place is not None:
            self._figures[place] += by

    def set(self, family: str, *labels: str, to: int) -> None:
        """Say how it is now."""
        place = self._place((GAUGE, family, *labels))
        if place is not None:
            self._figures[place] = to

    def label(self, model: str) -> str:
        """What a model is called in a label."""
        return model if self._is_known(model) else OTHER

    def close(self) -> None:
        """Let go of the board: nothing is counted after that. Idempotent."""
        for record in (self._rest, *self._records.values()):
            record.release()
        self._records.clear()
        self.board.close()

    def _attempts(self, attempts: Sequence[Attempt]) -> None:
        hedges = 0
        for attempt in attempts:
            hedges += attempt.error == HEDGE_LOST
            self.count("attempts", attempt.provider, attempt.error or "")
        if hedges:
            self.count("hedges", by=hedges)
        if (more := len(attempts) - 1 - hedges) > 0:
            self.count("retries", by=more)

    def _record(self, operation: str, provider: str | None, model: str | None) -> "memoryview[int]":
        """The record of a request that comes first of its kind, or is to a model that nobody knows."""
        is_bounded = model is None or self._is_known(model)
        name = NONE if model is None else model if is_bounded else OTHER
        record = self._part((REQUESTS, operation, provider or NONE, name))
        if is_bounded:
            self._records[operation, provider, model] = record
        return record

    def _part(self, key: tuple[str, ...]) -> "memoryview[int]":
        """The record of this key; where the board is full, that of all others."""
        place = self.board.place(key, FIGURES)
        return self._rest if place is None else self._figures[place : place + FIGURES]

    def _place(self, key: tuple[str, ...]) -> int | None:
        if key not in self._single:
            place = self.board.place(key, 1)
            if place is None:  # the board is full: what cannot be told apart is not told
                return None
            self._single[key] = place
        return self._single[key]


def _charge(record: "memoryview[int]", entry: Entry, charge: Charge) -> None:
    if charge.counted_by == "cache":  # nobody worked
        record[_GIVEN_AGAIN] += 1
        return
    usage, cost = charge.usage, charge.cost
    prompt, completion = usage.prompt, usage.completion
    record[_INPUT + bisect_left(TOKENS, prompt)] += 1
    record[_INPUT_SUM] += prompt
    record[_OUTPUT + bisect_left(TOKENS, completion)] += 1
    record[_OUTPUT_SUM] += completion
    if usage.cached:
        record[_CACHED] += usage.cached
    if cost is None:
        record[_UNPRICED] += 1
    else:
        try:
            record[_COST] += int(cost * _PICO)
        except ValueError:
            _carry(record, int(cost * _PICO))
    if entry.streamed:
        _stream(record, entry, completion)
    if usage.reasoning or usage.written or charge.counted_by == "estimate":
        record[_REASONING] += usage.reasoning or 0
        record[_WRITTEN] += usage.written or 0
        record[_ESTIMATED] += charge.counted_by == "estimate"


def _carry(record: "memoryview[int]", more: int) -> None:
    millions, record[_COST] = divmod(record[_COST] + more, A_MILLION)
    record[_MILLIONS] += millions


def _stream(record: "memoryview[int]", entry: Entry, completion: int) -> None:
    first = entry.first_byte
    if first is None:
        return
    record[_FIRST + bisect_left(FIRST_TOKENS, first)] += 1
    record[_FIRST_SUM] += int(first * _MICRO)
    if completion > 1 and entry.ending == "complete":
        each = (entry.duration - first) / (completion - 1)
        record[_PER + bisect_left(PER_TOKEN, each)] += 1
        record[_PER_SUM] += int(each * _MICRO)
