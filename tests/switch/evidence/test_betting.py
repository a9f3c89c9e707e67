import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.switch.evidence.worlds import KINDS, WORLDS, losses, most
from weighbridge.switch.evidence import betting
from weighbridge.switch.evidence.betting import Mixture, Values

some = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("delta", [0.05, 0.2])
def test_who_looks_after_every_case_is_deceived_in_no_more_worlds_than_promised(kind: str, delta: float) -> None:
    enough = np.log(1 / delta)
    broken = sum(
        betting.log_capital_path(world, 0.05 - 1e-9).max() >= enough for world in losses(kind, 0.05, 400, seed=1)
    )
    assert broken <= most(delta)


@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_holds_the_mean_where_one_stops_as_soon_as_it_is_narrow(kind: str) -> None:
    missed = 0
    for world in losses(kind, 0.05, 600, seed=2):
        low, high = -1.0, 1.0
        for cases in (60, 200, 600):
            low, high = betting.interval(world[:cases], 0.1)
            if high - low < 0.25:
                break
        missed += not low <= 0.05 <= high
    assert missed <= most(0.1)


def test_a_promise_that_is_kept_is_proven() -> None:
    """Power: of worlds that lose nothing in the mean, most are proven to lose at most five in a hundred."""
    found = sum(
        betting.log_capital_path(world, 0.05).max() >= np.log(20) for world in losses("harms", 0.01, 300, seed=3)
    )
    assert found > 0.85 * WORLDS


def test_where_nothing_is_lost_a_known_number_of_cases_is_enough() -> None:
    nothing = np.zeros(300)

    def enough(mixture: Mixture) -> int:
        return int(np.argmax(betting.log_capital_path(nothing, 0.05, mixture) >= np.log(20))) + 1

    assert enough(betting.USUAL) == 74
    assert enough(betting.aimed(nothing, 0.05, 0.05, 100)) == 62
    assert enough(Mixture(1.0)) == 62  # 59, if nothing were set aside for another kind of case


def test_who_aims_by_other_cases_proves_what_is_just_true_more_often() -> None:
    worlds = list(losses("gains", 0.0, 600, seed=12))
    other = next(losses("gains", 0.0, 300, seed=13))
    mixture = betting.aimed(other, 0.06, 0.05, 600)

    def found(mixture: Mixture) -> int:
        return sum(betting.log_capital(world, 0.06, mixture) >= np.log(20) for world in worlds)

    assert found(mixture) > found(betting.USUAL) > 0.1 * WORLDS


def test_what_was_expected_wrongly_costs_little() -> None:
    world = next(losses("gains", 0.0, 2000, seed=4))
    told, usual = betting.upper(world, 0.05, Mixture(1.0)), betting.upper(world, 0.05)
    assert told - usual < 0.006


@given(values=some, one=st.floats(-0.99, 0.98), two=st.floats(-0.99, 0.98))
def test_more_is_won_against_a_higher_mean(values: Values, one: float, two: float) -> None:
    low, high = min(one, two), max(one, two)
    assert betting.log_capital(values, low) <= betting.log_capital(values, high) + 1e-9


@given(values=some, seed=st.integers(0, 9))
def test_the_order_makes_no_difference(values: Values, seed: int) -> None:
    mixed = np.random.default_rng(seed).permutation(values)
    assert betting.log_capital(mixed, 0.1) == pytest.approx(betting.log_capital(values, 0.1), abs=1e-9)
    assert betting.log_capital_path(values, 0.1)[-1] == pytest.approx(betting.log_capital(values, 0.1), abs=1e-9)


@given(values=some, delta=st.floats(0.001, 0.5))
def test_the_bounds_hold_the_mean_of_what_was_seen(values: Values, delta: float) -> None:
    low, high = betting.interval(values, delta)
    assert -1 <= low <= values.mean() + 1e-9
    assert values.mean() - 1e-9 <= high <= 1
    assert betting.upper(values, delta) <= high + 1e-9


def test_nothing_is_known_of_nothing() -> None:
    assert betting.interval(np.array([]), 0.05) == (-1.0, 1.0)


@pytest.mark.parametrize("wrong", [1.5, -1.1, float("nan")])
def test_values_beyond_the_bounds_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="values lie in"):
        betting.upper(np.array([0.0, wrong]), 0.05)
