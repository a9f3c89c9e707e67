"""Adds a group of entries up before it is written, so that the sums of an hour are touched once for all of them.

A trigger keeps the sums for whoever else writes entries (migrations 0008 and 0011). It runs for each of them, and takes
longer than all else of writing one.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from weighbridge.db import Connection, engine
from weighbridge.ledger.rollups import HOUR
from weighbridge.ledger.tally import BOUNDS, BUCKETS

WORTH_IT: Final = 4
"""Entries from which on it is less work: there are three statements beside that of the entries."""
_MILLION: Final = 1_000_000
_FIRST: Final = 11
"""Where the buckets of the first bytes begin, then those of the durations."""
_TOOK: Final = _FIRST + BUCKETS
_SUMS: Final = (
    "requests",
    "unpriced",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_high",
    "cost_low",
    "first_bytes",
    "first_byte",
    "duration",
    *(f"first_{bucket}" for bucket in range(BUCKETS)),
    *(f"took_{bucket}" for bucket in range(BUCKETS)),
    "written_tokens",
)
_WRITTEN: Final = len(_SUMS) - 1
_NONE: Final = (0,) * len(_SUMS)
_ADD: Final = (
    f"INSERT INTO rollup (hour, kind, {', '.join(_SUMS)}) VALUES (?, ?, {', '.join('?' * len(_SUMS))})"  # noqa: S608
    " ON CONFLICT (hour, kind, part) DO UPDATE SET "
    + ", ".join(f"{column} = rollup.{column} + excluded.{column}" for column in _SUMS)
)

COLUMNS: Final = 14
_Count = int | None
Row = tuple[str, int, int, str | None, _Count, _Count, _Count, _Count, _Count, _Count, int, _Count, str | None, _Count]
"""Of an entry: id, at, kind, upstream_request, prompt, completion, cached and reasoning tokens, cost, first_byte,
duration, answered, end_user and written_tokens, as the table has them."""


def sums_up(connection: Connection, count: int) -> bool:
    """Whether so many entries are added up here: where not, the trigger does it."""
    return count >= WORTH_IT and engine(connection) == "sqlite"


def begin(connection: Connection) -> None:
    """From here to `add`, within one transaction, the trigger leaves the sums to us. No entry that corrects another."""
    connection.execute("INSERT INTO summing VALUES (1)")


def add(connection: Connection, rows: Sequence[Row]) -> None:
    """Add these to the sums, and leave them to the trigger again."""
    groups: dict[tuple[int, int], list[int]] = {}
    for _, at, kind, _, prompt, completion, cached, reasoning, cost, first_byte, duration, _, _, written in rows:
        same = at // HOUR, kind
        sums = groups.get(same)
        if sums is None:
            sums = groups[same] = [*_NONE]
        sums[0] += 1
        if prompt is not None:
            sums[2] += prompt
            sums[3] += completion or 0
            if cost is None:
                sums[1] += 1
            else:
                sums[6] += cost // _MILLION
                sums[7] += cost % _MILLION
        if cached:
            sums[4] += cached
        if reasoning:
            sums[5] += reasoning
        if written:
            sums[_WRITTEN] += written
        if first_byte is not None:
            sums[8] += 1
            sums[9] += first_byte
            sums[_FIRST + bisect_right(BOUNDS, first_byte)] += 1
        sums[10] += duration
        sums[_TOOK + bisect_right(BOUNDS, duration)] += 1
    for same, sums in groups.items():
        connection.execute(_ADD, (*same, *sums))
    connection.execute("DELETE FROM summing")
