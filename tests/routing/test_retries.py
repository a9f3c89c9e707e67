"""How many retries there may be, how long is waited before one, and what is told in the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from weighbridge.routing.retries import Budget, backoff, is_final, usefulness


@given(st.integers(1, 50), st.floats(0, 0.999))
def test_a_wait_is_any_part_of_one_that_doubles_up_to_a_bound(round_: int, chance: float) -> None:
    wait = backoff(round_, chance)
    assert 0 <= wait < 4
    assert wait <= backoff(round_ + 1, chance)


def test_the_first_retries_are_soon_and_the_later_ones_not() -> None:
    assert [backoff(round_, 0.999) for round_ in (1, 2, 3, 4, 5, 9)] == pytest.approx([0.5, 1, 2, 4, 4, 4], rel=0.01)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_retries_are_no_more_than_their_share_of_the_requests_and_a_few_a_second(
    course: list[tuple[float, int, int]],
) -> None:
    budget = Budget(0.2, 3.0)
    now, requests, retries = 100.0, 0, 0
    for seconds, asked, wanted in course:
        now += seconds
        requests += asked
        for _ in range(asked):
            budget.asked()
        retries += sum(budget.spend(now) for _ in range(wanted))
        assert retries <= 30 + 0.2 * (requests + 1) + 3.0 * (now - 100.0) + 1


def test_in_a_storm_a_fifth_of_the_requests_is_tried_again() -> None:
    budget = Budget(0.2, 3.0)
    granted = 0
    for request in range(10_000):
        budget.asked()
        granted += budget.spend(request / 1000)
    assert granted == pytest.approx(2000 + 3 * 10 + 30, abs=5)


def test_what_was_saved_is_bounded() -> None:
    budget = Budget(0.2, 3.0)
    for _ in range(1_000_000):
        budget.asked()
    assert sum(budget.spend(86_400.0) for _ in range(1000)) == 30


FROM_MOST_USEFUL: list[list[WeighbridgeError]] = [
    [UpstreamBusy(""), EngineUnavailable("")],
    [UpstreamError(""), UpstreamTimeout("")],
    [UpstreamUnreachable("")],
    [UpstreamKeyRefused(""), UpstreamLacksModel("")],
    [BadRequest("")],
]


def test_what_passes_by_itself_is_told_rather_than_what_only_the_owner_can_mend() -> None:
    ranks = [{usefulness(error) for error in alike} for alike in FROM_MOST_USEFUL]
    assert [len(rank) for rank in ranks] == [1] * len(ranks)
    flat = [rank for each in ranks for rank in each]
    assert flat == sorted(flat, reverse=True)
    assert len(set(flat)) == len(flat)


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (UpstreamError(""), False),
        (UpstreamBusy(""), False),
        (UpstreamTimeout(""), False),
        (UpstreamUnreachable(""), False),
        (EngineUnavailable(""), False),
        (UpstreamKeyRefused(""), True),
        (UpstreamLacksModel(""), True),
        (BadRequest(""), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_who_would_say_the_same_again_is_not_asked_again(error: WeighbridgeError, final: bool) -> None:
    assert is_final(error) is final
