"""Who does far worse than the others of a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.outliers import Seen, outliers

FAST, SLOW = 0.2, 20.0


def seen(id_: str, **figures: float) -> Seen:
    """One that is asked."""
    return Seen(id_, is_open=False, **figures)  # type: ignore[arg-type]  # the figures are named by the tests


CASES: dict[str, tuple[list[Seen], list[str]]] = {
    "nobody to compare with": ([seen("a", spoke=SLOW)], []),
    "all alike": ([seen("a", spoke=SLOW), seen("b", spoke=SLOW)], []),
    "one of two slow to begin": ([seen("a", spoke=FAST), seen("b", spoke=SLOW)], ["b"]),
    "one of three slow to write": (
        [seen(each, pace=pace) for each, pace in (("a", 0.01), ("b", 2.0), ("c", 0.02))],
        ["b"],
    ),
    "slow by milliseconds only": ([seen("a", spoke=0.001), seen("b", spoke=0.1)], []),
    "little is known of it": ([seen("a", spoke=FAST), seen("b")], []),
    "two of three slow: the usual is slow": ([seen("a", spoke=FAST), seen("b", spoke=SLOW), seen("c", spoke=SLOW)], []),
    "two of four, the worst first": (
        [
            seen("a", spoke=FAST),
            seen("b", spoke=FAST),
            seen("c", spoke=SLOW),
            seen("d", spoke=2 * SLOW),
            seen("e", spoke=FAST),
        ],
        ["d", "c"],
    ),
    "no more than half": (
        [Seen("a", is_open=True), seen("b", spoke=FAST), seen("c", spoke=SLOW)],
        [],
    ),
    "fails often while the other does not": ([seen("a", failed=1, of=100), seen("b", failed=25, of=100)], ["b"]),
    "all fail often": ([seen("a", failed=24, of=100), seen("b", failed=25, of=100)], []),
    "fails often, of few": ([seen("a", failed=1, of=100), seen("b", failed=3, of=10)], []),
}


@pytest.mark.parametrize("case", CASES)
def test_who_is_put_aside(case: str) -> None:
    siblings, found = CASES[case]
    assert outliers(siblings, 10.0) == found


def test_nobody_is_too_slow_where_that_is_switched_off() -> None:
    assert outliers([seen("a", spoke=FAST), seen("b", spoke=SLOW)], 0.0) == []


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.none() | st.floats(0.001, 1000), st.none() | st.floats(0.001, 10), st.integers(0, 50)
        ),
        max_size=12,
    )
)
def test_half_of_them_stay_whatever_they_do(figures: list[tuple[bool, float | None, float | None, int]]) -> None:
    siblings = [
        Seen(str(place), is_open=is_open, spoke=spoke, pace=pace, failed=failed, of=50)
        for place, (is_open, spoke, pace, failed) in enumerate(figures)
    ]
    found = outliers(siblings, 10.0)
    already = sum(each.is_open for each in siblings)
    assert len(found) <= max(0, len(siblings) // 2 - already)
    assert not {each.id for each in siblings if each.is_open} & set(found)
