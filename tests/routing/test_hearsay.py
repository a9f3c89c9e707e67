"""What a worker makes of others' news of an endpoint: never louder than what it has seen itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.test_breaker import breaker, opened
from weighbridge.catalog.model import Endpoint
from weighbridge.routing.health import Health
from weighbridge.routing.hearsay import Hearsay
from weighbridge.routing.watch import Watch

OPEN = Hearsay(open=8.0, times=3)
ENDPOINT = Endpoint("a", "tiny", "lab/tiny")


@pytest.mark.parametrize(("jitter", "until"), [(0.0, 108.0), (0.5, 109.0), (1.0, 110.0)])
def test_one_that_failed_others_is_left_alone_as_long_and_some_longer(jitter: float, until: float) -> None:
    made = breaker(jitter=jitter)
    assert made.heard(100.0, OPEN)
    assert (made.until, made.why, made.lasting) == (until, "breaker", False)
    assert not made.admits(until - 0.1)
    assert made.admits(until)
    assert not made.admits(until)  # one trial at a time, as ever


def test_its_own_failure_afterwards_takes_longer_than_theirs() -> None:
    made = breaker()
    made.heard(100.0, OPEN)
    assert made.admits(109.0)
    assert made.failed(109.5, 0.5)
    assert made.until == 109.5 + 16.0


@pytest.mark.parametrize(("well_at", "is_open"), [(99.0, False), (94.0, True)])
def test_where_it_answered_us_lately_one_failure_of_our_own_is_wanted(well_at: float, is_open: bool) -> None:
    made = breaker()
    made.well(well_at)
    assert made.heard(100.0, OPEN) is is_open
    assert (made.until is not None) is is_open
    if not is_open:
        assert made.failed(100.1, 0.1)
        assert made.until is not None


def test_where_it_answers_us_in_spite_of_that_all_is_as_before() -> None:
    made = breaker()
    made.well(99.0)
    for at in range(100, 200, 4):
        made.heard(float(at), OPEN)
        assert made.admits(at + 1.0)
        made.well(at + 1.0)
    assert [made.failed(200.0, 0.1) for _ in range(2)] == [False, False]


def test_an_answer_after_the_news_closes_it_even_to_what_was_asked_before() -> None:
    made = breaker()
    made.heard(100.0, OPEN)
    made.answered(100.5, 3.0)
    assert made.until is None


def test_what_stands_for_longer_stands() -> None:
    made = opened()
    until = made.until
    assert not made.heard(10.1, Hearsay(open=0.5))
    assert made.until == until


def test_one_that_answers_others_is_tried_at_once_and_by_one_request() -> None:
    made = opened()
    assert not made.admits(10.5)
    assert made.heard(10.5, Hearsay(closed=True))
    assert made.admits(10.5)
    assert not made.admits(10.5)
    assert made.until is not None
    made.answered(10.7, 0.2)
    assert made.until is None


def test_one_that_others_do_better_than_is_none_of_theirs() -> None:
    made = breaker()
    made.put_aside(100.0)
    assert not made.heard(101.0, Hearsay(closed=True))
    assert not made.admits(101.0)


def test_a_limit_is_kept_to_and_a_shorter_one_does_not_shorten_it() -> None:
    made = breaker()
    assert made.heard(100.0, Hearsay(limited=30.0))
    assert made.limited == 130.0
    assert not made.heard(100.0, Hearsay(limited=10.0))
    assert made.limited == 130.0
    assert made.until is None


@given(st.floats(0, 1e9), st.floats(0, 1), st.integers(0, 10**9))
def test_whatever_is_told_it_ends(seconds: float, jitter: float, times: int) -> None:
    made = breaker(jitter=jitter)
    made.heard(100.0, Hearsay(open=seconds, limited=seconds, times=times))
    assert made.admits(100.0 + 751.0)
    made.failed(900.0, 0.1)
    assert made.admits(900.0 + 21.0)


def test_a_snapshot_tells_of_what_was_heard_and_only_what_was_seen_is_told_on() -> None:
    health, told = Health(), list[str]()

    def turned(watch: Watch) -> None:
        told.append(watch.id)

    health.turned = turned
    health.snapshot(100.0)
    health.heard(ENDPOINT.id, ENDPOINT.model, OPEN, 100.0)
    state = health.snapshot(100.0).states[ENDPOINT.id]
    assert state.why == "breaker"
    assert told == []
    assert health.left_alone(100.0) == [("a", "lab/tiny", "breaker")]
    health.of(ENDPOINT).answered(101.0, 0.5)
    assert told == [ENDPOINT.id]
