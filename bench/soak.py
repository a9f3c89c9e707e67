"""The gateway's memory over 200,000 requests: a line that stays flat, or a leak."""

from collections.abc import Iterator
from itertools import pairwise

from bench.candidates import Candidate
from bench.load import Generator, Shape
from bench.process import rss_mb, tree
from bench.results import SoakStep

STEPS = (0, 20_000, 50_000, 100_000, 150_000, 200_000)
_SECONDS = 5


def soak(candidate: Candidate, generator: Generator) -> Iterator[SoakStep]:
    """Send the requests and look at the memory after each step. Raises RuntimeError when one is not answered."""
    yield SoakStep(requests=0, rss_mb=rss_mb(tree(candidate.pid)))
    done = 0
    for before, after in pairwise(STEPS):
        shape = Shape("open", 64, _SECONDS, rate=(after - before) // _SECONDS)
        load, _ = generator.run(candidate.target, shape)
        if load.err:
            raise RuntimeError(f"{load.err} of {load.ok + load.err} were not answered: {load.errbody}")
        done += load.ok
        yield SoakStep(requests=done, rss_mb=rss_mb(tree(candidate.pid)))
