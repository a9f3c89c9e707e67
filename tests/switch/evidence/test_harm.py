import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.switch.evidence.worlds import WORLDS, most
from weighbridge.switch.evidence import harm


@pytest.mark.parametrize(
    ("count", "cases", "low", "high"),
    # as scipy has them, 1.17: binomtest with the method exact
    [
        (0, 20, 0.0, 0.16843348),
        (1, 20, 0.00126509, 0.24873276),
        (10, 20, 0.27195780, 0.72804220),
        (20, 20, 0.83156652, 1.0),
        (3, 1000, 0.00061909, 0.00874209),
    ],
)
def test_bounds_are_those_of_clopper_and_pearson(count: int, cases: int, low: float, high: float) -> None:
    assert harm.interval(count, cases, 0.05) == pytest.approx((low, high), abs=1e-7)


@pytest.mark.parametrize("rate", [0.005, 0.05, 0.3])
def test_the_rate_is_above_its_bound_in_no_more_worlds_than_promised(rate: float) -> None:
    counts = np.random.default_rng(5).binomial(150, rate, WORLDS)
    bounds = {int(count): harm.upper(int(count), 150, 0.1) for count in set(counts)}
    assert sum(bounds[int(count)] < rate for count in counts) <= most(0.1)


@given(cases=st.integers(1, 400), count=st.integers(0, 400), delta=st.floats(0.001, 0.5))
def test_bounds_hold_what_was_seen(cases: int, count: int, delta: float) -> None:
    count = min(count, cases)
    low, high = harm.interval(count, cases, delta)
    assert 0 <= low <= count / cases <= high <= 1


def test_a_count_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="5 of 4"):
        harm.upper(5, 4, 0.05)
