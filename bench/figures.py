"""From measures to the figures of the table: medians, ratios within a round, and what was promised of them."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.results import Measure, Run

OURS = "weighbridge"
IDLE_LIMIT_MB = 120.0
GROWTH_LIMIT_MB = 5.0
"""Between 20,000 and 200,000 requests; a leak of 28 bytes a request would show."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure that we promised: `met` says whether `measured` keeps it."""

    what: str
    promised: str
    measured: str
    met: bool


def requests_per_second(measure: Measure) -> float:
    """Complete answers in a second."""
    return measure.load.rps


def latency_p99(measure: Measure) -> float:
    """Milliseconds from due time to last byte, for the slowest of a hundred."""
    return measure.load.p99


def chunk_p99(measure: Measure) -> float:
    """Milliseconds from the making of a chunk to its arrival, for the slowest of a hundred."""
    return measure.load.ch99


def cpu_microseconds(measure: Measure) -> float:
    """Of the candidate's CPU time for each answer: on a busy machine, steadier than how many it gave."""
    return 1e6 * measure.gateway_cpu / measure.load.rps if measure.load.rps else math.inf


def noise(measures: Sequence[Measure]) -> tuple[float, float]:
    """The share of a CPU that other processes took, and the hypervisor: medians over all measures."""
    foreign, stolen = [each.foreign_cpu for each in measures], [each.stolen for each in measures]
    return (statistics.median(foreign), statistics.median(stolen)) if measures else (0.0, 0.0)


def median(measures: Sequence[Measure], candidate: str, test: str, value: Callable[[Measure], float]) -> float | None:
    """The median over the rounds; None when the candidate did not take the test."""
    values = [value(each) for each in measures if (each.candidate, each.test) == (candidate, test)]
    return statistics.median(values) if values else None


def ratio(
    measures: Sequence[Measure], test: str, value: Callable[[Measure], float], *, of: str, to: str
) -> float | None:
    """The median of `of` divided by `to`, each taken within one round: a machine that drifts moves both."""
    by_round = _pairs(measures, test, value, of, to)
    return statistics.median(a / b for a, b in by_round if b) if any(b for _, b in by_round) else None


def difference(
    measures: Sequence[Measure], test: str, value: Callable[[Measure], float], *, of: str, to: str
) -> float | None:
    """The median of `of` minus `to`, each taken within one round."""
    by_round = _pairs(measures, test, value, of, to)
    return statistics.median(a - b for a, b in by_round) if by_round else None


def times_peer(measures: Sequence[Measure], peer: str) -> float | None:
    """Our requests per second at 64 connections over the peer's best JSON test of the same round."""
    found = []
    for number in sorted({each.round for each in measures}):
        of_round = [each for each in measures if each.round == number]
        ours = median(of_round, OURS, "ns64", requests_per_second)
        best = max((e.load.rps for e in of_round if e.candidate == peer and e.test.startswith("ns")), default=0.0)
        if ours and best:
            found.append(ours / best)
    return statistics.median(found) if found else None


def paced_tests(measures: Sequence[Measure]) -> list[str]:
    """The tests `sp…` that were taken, the fastest pace first."""
    found = {each.test for each in measures if each.test.startswith("sp")}
    return sorted(found, key=lambda test: int(test.partition("-")[2].removesuffix("ms")))


def promises(run: Run) -> list[Promise]:
    """Every promise that this run can judge."""
    return [*_speed(run.measures), *_peers(run.measures), *_memory(run), *_exactness(run)]


def _speed(measures: Sequence[Measure]) -> list[Promise]:
    found = []
    if (value := ratio(measures, "ns64", requests_per_second, of=OURS, to="nginx")) is not None:
        found.append(Promise("requests/s, 64 connections", "≥ 0.25 x nginx", f"{value:.3f} x", value >= 0.25))
    paced = {test: ratio(measures, test, chunk_p99, of=OURS, to="nginx") for test in paced_tests(measures)}
    found += [
        Promise(f"chunk latency p99, {test}", "≤ 3 x nginx", f"{value:.2f} x", value <= 3)
        for test, value in paced.items()
        if value is not None
    ]
    if (value := difference(measures, "r300", latency_p99, of=OURS, to="direct")) is not None:
        found.append(Promise("added latency p99, 300 requests/s", "< 1.5 ms", f"{value:.2f} ms", value < 1.5))
    return found


def _peers(measures: Sequence[Measure]) -> list[Promise]:
    found = []
    for peer, least in (("tensorzero", 2), ("portkey", 20), ("litellm", 100)):
        if (value := times_peer(measures, peer)) is not None:
            found.append(Promise(f"requests/s beside {peer}", f"≥ {least} x", f"{value:.1f} x", value >= least))
    return found


def _memory(run: Run) -> list[Promise]:
    found = []
    if (idle := run.idle_rss_mb.get(OURS)) is not None:
        found.append(Promise("memory, idle", f"< {IDLE_LIMIT_MB:.0f} MB", f"{idle:.0f} MB", idle < IDLE_LIMIT_MB))
    after = {step.requests: step.rss_mb for step in run.soak}
    if len(after) > 1:
        first, last = min(each for each in after if each > 0), max(after)
        growth = after[last] - after[first]
        span = f"growth of memory, {first:,} to {last:,} requests"
        found.append(Promise(span, f"≤ {GROWTH_LIMIT_MB:.0f} MB", f"{growth:+.1f} MB", growth <= GROWTH_LIMIT_MB))
        missing = run.soak[-1].unanswered
        found.append(Promise("requests left unanswered meanwhile", "0", f"{missing:,}", missing == 0))
    return found


def _exactness(run: Run) -> list[Promise]:
    found = [
        Promise(
            f"ledger, {each.test}",
            "one entry each, exact tokens and cost",
            f"{each.entered.complete:,} entries{'' if each.exact else ', sums differ'}",
            each.exact,
        )
        for each in run.parity
    ]
    for check in (each for each in run.streams if each.candidate == OURS):
        what = f"{check.streams} streams of {check.chunks} chunks, {check.pace_ms} ms apart"
        found.append(Promise(what, "none lost or out of order", f"{len(check.faults)} faults", not check.faults))
    return found


def _pairs(
    measures: Sequence[Measure], test: str, value: Callable[[Measure], float], of: str, to: str
) -> list[tuple[float, float]]:
    """Both candidates' values, for each round in which both took the test."""
    taken = {(each.round, each.candidate): value(each) for each in measures if each.test == test}
    rounds = sorted({number for number, _ in taken})
    return [(taken[r, of], taken[r, to]) for r in rounds if (r, of) in taken and (r, to) in taken]
