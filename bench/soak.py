"""The gateway's memory over 200,000 requests: a line that stays flat, or a leak."""

from collections.abc import Iterator
from itertools import pairwise

from bench.candidates import Candidate
from bench.load import Generator, Shape
from bench.process import rss_mb, tree
from bench.results import SoakStep

STEPS = (0, 20_000, 50_000, 100_000, 150_000, 200_000)
_BATCH = 10_000
"""The generator waits ten seconds for what is left over: so many a gateway answers even on a busy machine."""


def soak(candidate: Candidate, generator: Generator) -> Iterator[SoakStep]:
    """Send the requests, over 64 connections, and look at the memory after each step."""
    yield SoakStep(requests=0, unanswered=0, rss_mb=rss_mb(tree(candidate.pid)))
    answered = unanswered = 0
    for before, after in pairwise(STEPS):
        for _ in range((after - before) // _BATCH):
            load, _ = generator.run(candidate.target, Shape("open", 64, 1, rate=_BATCH))
            answered, unanswered = answered + load.ok, unanswered + load.err
        yield SoakStep(requests=answered, unanswered=unanswered, rss_mb=rss_mb(tree(candidate.pid)))
