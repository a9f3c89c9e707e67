"""The simulation by which bounds are set and do not find themselves."""

import pytest

from bench.admission import SLOTS, Fixed, Gradient, mean_share


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_below_its_capacity_a_bound_of_its_slots_costs_an_engine_nothing(spread: float) -> None:
    assert 0.6 < mean_share(lambda: Fixed(SLOTS), 0.7, spread, runs=2) < 0.8


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_above_it_no_bound_that_finds_itself_does_as_well(spread: float) -> None:
    fixed = mean_share(lambda: Fixed(SLOTS), 1.5, spread, runs=2)
    assert fixed > 0.9
    assert mean_share(Gradient, 1.5, spread, runs=2) < fixed - 0.2
    assert mean_share(lambda: Gradient(now=SLOTS, tolerance=1.0, queue=1.0), 1.5, spread, runs=2) < fixed - 0.2
    assert mean_share(lambda: Fixed(10**6), 1.5, spread, runs=2) < 0.1
