"""The ledger against the load: is there one entry for each answer, with the tokens that the upstream stated?"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import msgspec

from bench.candidates import Candidate
from bench.load import Generator, Shape
from bench.results import Parity, Sums

# The generator waits for the last answer of an open load, and without a warm-up it counts every one of them.
DRAINED = {
    "20,000 JSON answers, 64 connections": Shape("open", 64, 2, rate=10_000),
    "2,000 streams in bursts, 64 connections": Shape("open", 64, 2, rate=1_000, stream=True),
    "400 streams of a second, 5 ms a chunk": Shape("open", 256, 4, rate=100, stream=True, pace_ms=5),
}


_SETTLED = 0.5
"""Seconds without a new entry."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the mock states of each answer, and what it costs at the price of `bench.candidates.CONFIG`."""

    prompt: int
    completion: int
    cached: int
    cost: int
    """In 1e-12 US dollars, as the ledger keeps it."""


JSON_ANSWER = Answer(312, 78, 64, cost=(248 * 27 + 64 * 7 + 78 * 110) * 10_000)
STREAM = Answer(312, 100, 64, cost=(248 * 27 + 64 * 7 + 100 * 110) * 10_000)

_SUMS = """
SELECT count(*), coalesce(sum(ending = 'complete'), 0), coalesce(sum(prompt_tokens), 0),
       coalesce(sum(completion_tokens), 0), coalesce(sum(cached_tokens), 0), coalesce(sum(cost), 0)
FROM receipt
"""


def parity(candidate: Candidate, generator: Generator) -> Iterator[Parity]:
    """Each load of `DRAINED`, and what it left in the candidate's ledger."""
    if candidate.ledger is None:
        return
    for name, shape in DRAINED.items():
        before = _settled(candidate.ledger)
        load, _ = generator.run(candidate.target, shape)
        entered = difference(sums(candidate.ledger), before)
        expected = times(STREAM if shape.stream else JSON_ANSWER, load.ok)
        yield Parity(test=name, answers=load.ok, entered=entered, expected=expected)


def _settled(ledger: Path) -> Sums:
    """Its sums once nothing more comes in: streams that the load before cut off have their entries too."""
    before, now = None, sums(ledger)
    while now != before:
        sleep(_SETTLED)
        before, now = now, sums(ledger)
    return now


def sums(ledger: Path) -> Sums:
    """What the ledger holds just now, read beside the running gateway."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        return Sums(*connection.execute(_SUMS).fetchone())


def times(answer: Answer, count: int) -> Sums:
    """What `count` such answers should leave."""
    return Sums(
        count, count, count * answer.prompt, count * answer.completion, count * answer.cached, count * answer.cost
    )


def difference(after: Sums, before: Sums) -> Sums:
    """What came in between."""
    pairs = zip(msgspec.structs.astuple(after), msgspec.structs.astuple(before), strict=True)
    return Sums(*(late - early for late, early in pairs))
