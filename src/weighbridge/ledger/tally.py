"""What questions of usage are answered from: sums over entries that are alike. Values only."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import add, attrgetter
from typing import Final, Literal

Column = Literal[
    "key", "asked_model", "model", "provider", "upstream_model", "ending", "error", "counted_by", "price_id",
    "organisation", "project", "tags", "imported", "user",
]  # fmt: skip
"""A column of an entry that entries may be told apart by."""
Grain = Literal["hour", "day", "month", "all"]
"""How finely time is told apart. A day begins at midnight, UTC. By the month, days may be told apart as well."""
BOUNDS: Final = tuple(16_000 << power for power in range(13))
"""Microseconds at which a bucket of times ends and the next begins: 16 ms, 32 ms and so on to 65.536 s."""
BUCKETS: Final = len(BOUNDS) + 1
NO_TIMES: Final = (0,) * BUCKETS


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums that may be added to each other. Money is in 1e-12 US dollars, times in microseconds."""

    requests: int = 0
    """An entry that puts another right is none."""
    adjustments: int = 0
    """Entries that put others right: their tokens and cost are in the sums."""
    complete: int = 0
    errors: int = 0
    """Requests that ended neither complete nor because the client left."""
    estimated: int = 0
    """Requests whose tokens nobody reported."""
    unpriced: int = 0
    """Requests that something was used for, at a price that is not known."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int = 0
    given_again: int = 0
    """Complete answers that were given before, and cost nothing now."""
    saved: int = 0
    """What these cost when they were given first."""
    saved_unknown: int = 0
    """How many of them have no known first cost."""
    first_bytes: int = 0
    """Requests of which a byte was answered."""
    first_byte: int = 0
    """The time until then."""
    duration: int = 0
    first: tuple[int, ...] = NO_TIMES
    """Requests by the bucket of the time to their first byte."""
    took: tuple[int, ...] = NO_TIMES
    """Requests by the bucket of their duration."""


_NUMBERS: Final = tuple(field.name for field in fields(Sums))[:-2]
_numbers: Final = attrgetter(*_NUMBERS)
NOTHING: Final = Sums()


def together(many: Iterable[Sums]) -> Sums:
    """The sum of sums."""
    counts = (0,) * len(_NUMBERS)
    first = took = NO_TIMES
    for each in many:
        counts = tuple(map(add, counts, _numbers(each)))
        if each.first is not NO_TIMES:
            first = tuple(map(add, first, each.first))
        if each.took is not NO_TIMES:
            took = tuple(map(add, took, each.took))
    return of_numbers(counts, first, took)


def of_numbers(counts: tuple[int, ...], first: tuple[int, ...], took: tuple[int, ...]) -> Sums:
    """Sums by their places."""
    return Sums(*counts, first, took)  # type: ignore[call-arg, arg-type] # as many as there are numbers


@dataclass(frozen=True, slots=True)
class Tally:
    """Entries that are alike in all that is named here, and their sums. What was not asked for is None as well."""

    sums: Sums
    hour: int | None = None
    """Since 1970, in UTC: the first hour of what it is a sum of."""
    key: str | None = None
    asked_model: str | None = None
    model: str | None = None
    provider: str | None = None
    upstream_model: str | None = None
    ending: str | None = None
    error: str | None = None
    counted_by: str | None = None
    price_id: str | None = None
    organisation: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()
    imported: str | None = None
    user: str | None = None
