"""What the snapshots say of endpoints, and what a router that reads them makes of endpoints that fail."""

from collections.abc import Callable
from random import Random

import pytest

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import (
    BadRequest,
    EngineUnavailable,
    UpstreamBusy,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamLacksModel,
    UpstreamTimeout,
    UpstreamUnreachable,
    WeighbridgeError,
)
from weighbridge.routing.breaker import Rules
from weighbridge.routing.health import Health, State
from weighbridge.routing.watch import Watch

A, B, C = (Endpoint(name, "tiny", "lab/tiny") for name in "abc")


def served(watch: Watch, now: float, *, first_byte: float = 0.2, seconds: float = 1.2, tokens: int = 50) -> None:
    """A stream that went well."""
    assert watch.begin(now)
    watch.answered(now + first_byte, first_byte)
    watch.spoke_after(now + first_byte, first_byte, streamed=True)
    watch.finished(now + seconds, seconds, seconds - first_byte, tokens)
    watch.read(100, 25, 350)


def test_nothing_is_known_of_what_was_never_asked() -> None:
    health = Health()
    assert health.snapshot(5.0).states == {}
    health.of(A)
    assert health.snapshot(6.1).states[A.id] == State()


def test_the_figures_are_those_of_what_was_seen() -> None:
    health = Health()
    for _ in range(20):
        served(health.of(A), 10.0)
    state = health.snapshot(20.0).states[A.id]
    assert state.latency is not None
    assert state.latency.p50 == pytest.approx(0.2, rel=0.08)
    assert state.throughput is not None
    assert state.throughput.p90 == pytest.approx(50, rel=0.08)
    assert (state.cached_share, state.bytes_per_token, state.completion) == pytest.approx((0.25, 3.5, 50))
    assert (state.requests, state.failures, state.closed_until) == (20, 0, None)


def test_the_higher_the_percentile_the_worse_the_figure() -> None:
    health = Health()
    for place in range(100):
        first_byte = 0.001 * (place + 1) ** 2
        served(health.of(A), 10.0, first_byte=first_byte, seconds=first_byte + 1, tokens=10 + place)
    state = health.snapshot(20.0).states[A.id]
    assert state.latency is not None
    assert state.throughput is not None
    assert state.latency.p50 < state.latency.p75 < state.latency.p90 < state.latency.p99
    assert state.throughput.p50 > state.throughput.p75 > state.throughput.p90 > state.throughput.p99


def test_a_snapshot_stands_for_a_second_unless_something_opens() -> None:
    health = Health()
    first = health.snapshot(10.0)
    served(health.of(A), 10.1)
    assert health.snapshot(10.9) is first
    for _ in range(3):
        health.of(A).failed(10.9, 0.1, UpstreamError("no"))
    opened = health.snapshot(10.95)
    assert opened.epoch == first.epoch + 1
    assert opened.states[A.id].why == "breaker"
    assert health.snapshot(11.9) is opened
    assert health.snapshot(12.0) is not opened


def test_figures_that_are_older_than_five_minutes_are_gone() -> None:
    health = Health()
    served(health.of(A), 10.0)
    assert health.snapshot(20.0).states[A.id].latency is not None
    assert health.snapshot(400.0).states[A.id].latency is None


OPENS: dict[str, tuple[Callable[[], WeighbridgeError], int | None, str | None]] = {
    "5xx": (lambda: UpstreamError("no"), 3, "breaker"),
    "unreachable": (lambda: UpstreamUnreachable("no"), 3, "breaker"),
    "timeout": (lambda: UpstreamTimeout("no"), 3, "breaker"),
    "429": (lambda: UpstreamBusy("no", retry_after=7.0), 1, "rate_limit"),
    "429 of unknown length": (lambda: UpstreamBusy("no"), 1, "rate_limit"),
    "503 with a time": (lambda: UpstreamError("no", retry_after=7.0), 1, "rate_limit"),
    "key refused": (lambda: UpstreamKeyRefused("no"), 1, "breaker"),
    "lacks the model": (lambda: UpstreamLacksModel("no"), 1, "breaker"),
    "400": (lambda: BadRequest("no"), None, None),
    "an engine that loads": (lambda: EngineUnavailable("no"), None, None),
}


@pytest.mark.parametrize("case", OPENS)
def test_what_counts_as_a_failure(case: str) -> None:
    error, times, why = OPENS[case]
    health = Health()
    watch = health.of(A)
    for turn in range(1, 50):
        assert watch.begin(10.0)
        watch.failed(10.0, 0.1, error())
        if turn == times:
            break
    state = health.snapshot(10.0).states[A.id]
    assert state.why == why
    assert (state.closed_until is None) == (why is None)
    assert B.id not in health.snapshot(10.0).states


def test_streams_that_begin_and_break_open_it_too() -> None:
    watch = Health().of(A)
    for turn in range(3):
        assert watch.begin(10.0 + turn)
        watch.answered(10.1 + turn, 0.1)
        watch.broke(10.5 + turn, 0.5)
    assert not watch.begin(13.0)


def test_a_client_that_leaves_says_nothing_of_the_endpoint() -> None:
    watch = Health().of(A)
    for turn in range(50):
        assert watch.begin(10.0 + turn)
        watch.left(10.5 + turn, 0.5)
    assert watch.begin(99.0)


def test_one_that_is_a_hundred_times_slower_is_put_aside_and_comes_back_when_it_is_fast_again() -> None:
    health = Health(Rules(aside=30.0))
    for turn in range(5):
        served(health.of(A), 10.0 + turn)
        served(health.of(B), 10.0 + turn, first_byte=20.0, seconds=25.0)
    state = health.snapshot(40.0).states[B.id]
    assert state.why == "outlier"
    assert state.closed_until is not None
    assert not health.of(B).begin(41.0)
    now = state.closed_until + 1
    served(health.of(B), now, first_byte=20.0, seconds=25.0)
    again = health.snapshot(now + 30).states[B.id].closed_until
    assert again is not None
    assert again > now + 60, "twice as long"
    served(health.of(B), again)
    assert health.snapshot(again + 5).states[B.id].closed_until is None


def test_what_was_said_of_limits_is_kept_to() -> None:
    health = Health()
    health.of(A).told(10.0, 20.0)
    state = health.snapshot(10.0).states[A.id]
    assert (state.closed_until, state.why) == (30.0, "rate_limit")
    assert health.of(A).limited(12.0) == pytest.approx(18.0)
    assert health.of(A).begin(30.0)


def test_the_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    health = Health()
    for number in range(5000):
        health.of(Endpoint("many", str(number), "lab/tiny")).begin(float(number))
    states = health.snapshot(5000.0).states
    assert len(states) <= 2000
    assert "many/4999" in states
    assert "many/0" not in states


def test_two_seeds_come_back_at_different_times() -> None:
    ends = set()
    for seed in range(10):
        health = Health(seed=seed)
        for _ in range(3):
            health.of(A).failed(10.0, 0.1, UpstreamError("no"))
        ends.add(health.snapshot(10.0).states[A.id].closed_until)
    assert len(ends) == 10


@pytest.mark.parametrize("seed", range(5))
def test_in_a_simulated_hour_of_failing_endpoints_little_is_wasted_and_nothing_is_lost(seed: int) -> None:
    """Three endpoints, each down a third of the time; requests go to who is well, and to the others when they fail."""
    chance = Random(seed)
    health = Health(seed=seed)
    down = {endpoint.id: _episodes(chance) for endpoint in (A, B, C)}
    now, wasted, asked, hopeless = 0.0, 0, 0, 0
    while now < 3600:
        now += chance.expovariate(10)
        asked += 1
        well = {id_ for id_, episodes in down.items() if not any(start <= now < end for start, end in episodes)}
        failed = _tried(health, now, well)
        assert (failed == 3) == (not well), "whoever is there is found"
        if well:
            wasted += failed
        else:
            hopeless += 1
    assert wasted <= 0.02 * asked, "breakers keep nearly all requests from endpoints that are down"
    assert hopeless < 0.2 * asked


def _tried(health: Health, now: float, well: set[str]) -> int:
    """How many endpoints failed before one answered."""
    states = health.snapshot(now).states
    passed_over, failed = [], 0
    for endpoint in sorted((A, B, C), key=lambda one: (_closed(states.get(one.id), now), one.id)):
        if not health.of(endpoint).begin(now):
            passed_over.append(endpoint)
        elif _answers(health.of(endpoint), now, endpoint.id in well):
            return failed
        else:
            failed += 1
    for endpoint in passed_over:
        if _answers(health.of(endpoint), now, endpoint.id in well):
            return failed
        failed += 1
    return failed


def _answers(watch: Watch, now: float, is_well: bool) -> bool:
    if is_well:
        watch.answered(now, 0.0)
        watch.ended(now)
    else:
        watch.failed(now, 0.0, UpstreamError("down"))
    return is_well


def _closed(state: State | None, now: float) -> float:
    return 0.0 if state is None or state.closed_until is None or state.closed_until <= now else state.closed_until


def _episodes(chance: Random) -> list[tuple[float, float]]:
    episodes, at = [], 0.0
    while at < 3600:
        at += chance.expovariate(1 / 120)
        length = chance.expovariate(1 / 60)
        episodes.append((at, at + length))
        at += length
    return episodes


def _busy(health: Health, since: float, answers: int, first_byte: float) -> int:
    """A second of so many answers, as a request's tab tells of them; how many were noted."""
    watch, noted = health.of(A), 0
    for place in range(answers):
        now = since + place / answers
        assert watch.begin(now)
        watch.answered(now, first_byte)
        if not watch.goes_unnoted():
            noted += 1
            watch.spoke_after(now, first_byte, streamed=True)
            watch.finished(now, first_byte + 1.0, 1.0, 50)
    health.snapshot(since + 1.0)
    return noted


def test_of_a_busy_endpoint_one_answer_stands_for_many() -> None:
    health = Health()
    health.snapshot(10.0)
    assert _busy(health, 10.0, 5000, 0.2) == 5000
    assert 80 <= _busy(health, 11.0, 5000, 2.0) <= 120
    _busy(health, 12.0, 50, 2.0)
    assert _busy(health, 13.0, 50, 2.0) == 50
    state = health.snapshot(20.0).states[A.id]
    assert state.requests == 5000 + 5000 + 50 + 50
    failed, of = health.of(A).breaker.counted(20.0)
    assert failed == 0
    assert of == pytest.approx(10_100, rel=0.02)


def test_an_answer_that_is_not_noted_still_ends_a_row_of_failures() -> None:
    health = Health()
    health.snapshot(10.0)
    _busy(health, 10.0, 5000, 0.2)
    watch = health.of(A)
    assert not watch.goes_unnoted()
    for _ in range(10):
        watch.failed(12.0, 0.1, UpstreamError("failed"))
        watch.failed(12.0, 0.1, UpstreamError("failed"))
        assert watch.goes_unnoted()
    assert watch.begin(12.1)
