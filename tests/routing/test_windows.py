"""Windows against the plain lists that they stand for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.windows import Lately, Outcomes, Spread

_BIN = 10 ** (1 / 16)
"""A bin's end by its beginning."""


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.75, 0.9, 0.99]))
def test_a_percentile_is_within_a_bin_of_the_sorted_list_s(values: list[float], share: float) -> None:
    spread = Spread()
    for value in values:
        spread.add(value, 1000.0)
    found = spread.reached((share,), 1000.0)
    assert found is not None
    reached = next(value for place, value in enumerate(sorted(values), 1) if place >= share * len(values))
    assert reached / _BIN <= found[0] <= reached * _BIN


@given(st.lists(st.tuples(st.floats(0, 900), st.sampled_from([0.01, 1.0, 100.0])), min_size=1, max_size=60))
def test_what_is_older_than_the_window_is_gone_and_what_is_younger_is_there(events: list[tuple[float, float]]) -> None:
    spread = Spread()
    events.sort()
    for at, value in events:
        spread.add(value, at)
    now = events[-1][0]
    surely = [value for at, value in events if at > now - 240]
    perhaps = [value for at, value in events if at > now - 300]
    found = spread.reached((0.0001, 1.0), now)
    assert found is not None
    least, most = found
    assert min(perhaps) / _BIN <= least <= min(surely) * _BIN
    assert max(surely) / _BIN <= most <= max(perhaps) * _BIN
    assert spread.reached((0.5,), now + 301) is None


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-9, 1e9])
def test_values_that_are_off_the_scale_count_as_its_ends(value: float) -> None:
    spread = Spread()
    spread.add(value, 0.0)
    found = spread.reached((0.5,), 0.0)
    assert found is not None
    assert (found[0] > 5000) == (value > 1)


def test_too_few_values_have_no_percentile() -> None:
    spread = Spread()
    for _ in range(9):
        spread.add(1.0, 0.0)
    assert spread.reached((0.5,), 0.0, 10) is None
    assert spread.reached((0.5,), 0.0, 9) is not None
    assert Spread().reached((0.5,), 0.0) is None


@given(st.lists(st.tuples(st.floats(0, 120), st.booleans()), max_size=60))
def test_outcomes_are_those_of_the_last_half_minute(events: list[tuple[float, bool]]) -> None:
    outcomes = Outcomes()
    events.sort()
    for at, well in events:
        note = outcomes.well if well else outcomes.failed
        note(at)
    now = events[-1][0] if events else 0.0
    failed, all_ = outcomes.counted(now)
    for counted, count in (({False}, failed), ({False, True}, all_)):
        surely = sum(well in counted for at, well in events if at > now - 25)
        perhaps = sum(well in counted for at, well in events if at > now - 30)
        assert surely <= count <= perhaps
    outcomes.forget()
    assert outcomes.counted(now) == (0, 0)


def test_what_came_last_weighs_most() -> None:
    lately = Lately(0.25)
    seen = [lately.mean]
    for value in (8.0, 0.0):
        lately.add(value)
        seen.append(lately.mean)
    assert seen == [None, 8.0, 6.0]
    lately.forget(2)
    lately.add(1.0)
    assert (lately.mean, lately.count) == (1.0, 3)
