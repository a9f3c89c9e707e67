"""When an endpoint is left alone and how it comes back, as tables, and by any course of events."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.breaker import Breaker, Rules

RULES = Rules(failures=3, open=2.0, open_most=16.0)


def breaker(rules: Rules = RULES, jitter: float = 0.5) -> Breaker:
    """A jitter of 0.5 is none."""
    return Breaker(rules, lambda: jitter)


def opened(rules: Rules = RULES) -> Breaker:
    """One that failures in a row have just opened, at 10."""
    made = breaker(rules)
    assert [made.failed(10.0, 0.1) for _ in range(rules.failures)] == [False] * (rules.failures - 1) + [True]
    return made


def test_failures_in_a_row_open_it() -> None:
    made = opened()
    assert (made.until, made.why) == (12.0, "breaker")
    assert not made.admits(11.9)


def test_an_answer_in_between_begins_the_row_again() -> None:
    made = breaker()
    for _ in range(20):
        made.failed(10.0, 0.1)
        made.failed(10.0, 0.1)
        for _ in range(4):
            made.well(10.0)
    assert made.until is None


def test_half_of_the_last_requests_failing_opens_it() -> None:
    made = breaker()
    for _ in range(4):
        made.well(10.0)
        made.failed(10.0, 0.1)
    assert made.until is None, "8 requests are too few to go by"
    made.well(10.0)
    assert made.failed(10.0, 0.1)


def test_on_trial_one_at_a_time_is_let_through() -> None:
    made = opened()
    assert [made.admits(12.0) for _ in range(3)] == [True, False, False]
    assert not made.admits(41.9), "the lease is not over"
    assert made.admits(42.1), "whoever had the lease was not heard of"


def test_an_answer_on_trial_closes_it_and_a_failure_before_its_end_opens_it_again() -> None:
    made = opened()
    made.admits(12.0)
    made.answered(12.5, 0.5)
    assert made.until is None
    assert made.failed(13.0, 1.0), "it was on probation"
    assert made.until == pytest.approx(17.0)


def test_each_time_takes_twice_as_long_up_to_a_bound() -> None:
    made = breaker()
    now, waits = 10.0, []
    for _ in range(3):
        made.failed(now, 0.1)
    for _ in range(6):
        assert made.until is not None
        waits.append(made.until - now)
        now = made.until
        assert made.admits(now)
        made.failed(now + 0.1, 0.1)
        now += 0.1
    assert waits == pytest.approx([2, 4, 8, 16, 16, 16])


def test_after_being_well_for_long_it_begins_with_the_shortest_time() -> None:
    made = opened()
    made.admits(12.0)
    made.answered(12.1, 0.1)
    made.well(12.2)
    for _ in range(3):
        made.failed(100.0, 0.1)
    assert made.until == pytest.approx(102.0)


def test_what_was_asked_before_it_opened_changes_nothing() -> None:
    made = opened()
    made.answered(11.0, 5.0)
    assert made.until == 12.0
    assert made.admits(12.0)
    assert not made.failed(13.0, 8.0)
    made.left(13.0, 8.0)
    assert not made.admits(13.0), "the lease is another's"


def test_who_asks_it_all_the_same_and_gets_an_answer_closes_it() -> None:
    made = opened()
    made.answered(11.0, 0.5)
    assert made.until is None


def test_who_leaves_gives_the_lease_back() -> None:
    made = opened()
    assert made.admits(12.0)
    made.left(13.0, 1.0)
    assert made.admits(13.0)


@pytest.mark.parametrize(
    ("wait", "until"),
    [(5.0, 15.0), (0.0, 10.0), (90_000.0, 610.0), (None, 11.0)],
    ids=["told", "none", "a day", "untold"],
)
def test_a_rate_limit_is_kept_to(wait: float | None, until: float) -> None:
    made = breaker()
    made.limit(10.0, wait)
    assert made.limited == pytest.approx(until)
    assert made.until is None, "it is no failure"
    assert made.admits(until)


def test_limits_that_name_no_time_double_but_not_those_that_come_at_once() -> None:
    made = breaker()
    now, waits = 10.0, []
    for _ in range(8):
        for _ in range(5):
            made.limit(now, None)
        assert made.limited is not None
        waits.append(made.limited - now)
        now = made.limited
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    made.answered(now + 1, 1.0)
    made.limit(now + 1, None)
    assert made.limited == pytest.approx(now + 2)


def test_a_key_that_is_refused_closes_it_for_longer() -> None:
    made = breaker()
    made.refused(10.0)
    assert made.until == 70.0
    assert made.admits(70.0)
    made.refused(70.0)
    assert made.until == 190.0


def test_a_probe_that_finds_it_there_lets_the_next_one_try() -> None:
    made = opened()
    made.half_open()
    assert [made.admits(10.5), made.admits(10.5)] == [True, False]


EVENTS: dict[str, Callable[[Breaker, float, float], object]] = {
    "answer": lambda made, now, seconds: made.answered(now, seconds),
    "fail": lambda made, now, seconds: made.failed(now, seconds),
    "limit": lambda made, now, _: made.limit(now, None),
    "limit told": lambda made, now, seconds: made.limit(now, seconds),
    "leave": lambda made, now, seconds: made.left(now, seconds),
    "end": lambda made, now, _: made.well(now),
    "refuse": lambda made, now, _: made.refused(now),
    "aside": lambda made, now, _: made.put_aside(now),
    "probe": lambda made, _now, _seconds: made.half_open(),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.floats(0.0, 30.0)), max_size=80), st.floats(0, 0.999))
def test_whatever_happens_it_is_asked_again_within_its_bounds(events: list[tuple[str, float]], jitter: float) -> None:
    made = Breaker(RULES, lambda: jitter)
    now = 1000.0
    longest = 1.25 * max(RULES.open_most, RULES.lasting_most, RULES.aside_most)
    for event, seconds in events:
        now += seconds
        closed = made.until is None and made.limited is None
        admitted = made.admits(now)
        assert admitted or not closed
        assert not admitted or now >= max(made.until or 0, made.limited or 0)
        EVENTS[event](made, now, seconds)
        assert made.until is None or made.until <= now + longest
        assert made.limited is None or made.limited <= now + 600
    assert made.admits(now + longest + 31), "nobody is left alone for ever"
