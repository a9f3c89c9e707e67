"""How uneven counts are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.market.recipes.measures.concentrating import gini


@pytest.mark.parametrize(
    ("counts", "found"), [([], None), ([7], 0), ([5, 5, 5], 0), ([1, 3], 0.25), ([0, 0, 0, 8], 0.75)]
)
def test_gini_of_counts_that_are_known(counts: list[int], found: float | None) -> None:
    assert gini(counts) == (None if found is None else pytest.approx(found))


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=40), st.integers(2, 9))
def test_gini_is_between_0_and_1_and_of_no_unit(counts: list[int], times: int) -> None:
    found = gini(counts)
    assert found is not None
    assert -1e-9 <= found < 1
    assert gini([count * times for count in counts]) == pytest.approx(found, abs=1e-9)
