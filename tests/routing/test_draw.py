"""Drawing by weight, without repeats, the same way for the same seed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.routing.draw import drawn, fraction, reach

WEIGHTS = st.lists(st.floats(min_value=1e-12, max_value=1e12), min_size=1, max_size=40)
SEEDS = st.integers(min_value=0, max_value=2**64 - 1)


@given(WEIGHTS, SEEDS)
def test_every_place_is_drawn_once(weights: list[float], seed: int) -> None:
    assert sorted(drawn(reach(weights), seed)) == list(range(len(weights)))


@given(WEIGHTS, SEEDS)
def test_the_same_seed_draws_the_same(weights: list[float], seed: int) -> None:
    assert list(drawn(reach(weights), seed)) == list(drawn(reach(weights), seed))


def test_the_first_and_the_second_draw_go_by_the_weights() -> None:
    weights, rounds = [1.0, 4.0, 16.0, 1e-9], 20_000
    orders = [list(drawn(reach(weights), seed)) for seed in range(rounds)]
    first = Counter(order[0] for order in orders)
    # three standard deviations of a share are under 0.011 here
    for place, share in ((0, 1 / 21), (1, 4 / 21), (2, 16 / 21)):
        assert abs(first[place] / rounds - share) < 0.011
    after_the_heaviest = Counter(order[1] for order in orders if order[0] == 2)
    total = after_the_heaviest.total()
    assert abs(after_the_heaviest[1] / total - 4 / 5) < 0.011
    assert all(order[3] == 3 for order in orders)


@given(st.lists(st.floats(min_value=0.1, max_value=10), min_size=2, max_size=12), st.integers(0, 10_000))
def test_whoever_drew_another_keeps_it_when_one_fails(weights: list[float], seed: int) -> None:
    """A plan passes over those that are not well: the first of the rest is whom the others had drawn."""
    order = list(drawn(reach(weights), seed))
    failed = order[-1]
    assert next(place for place in order if place != failed) == order[0]


@given(SEEDS, st.integers(0, 1000))
def test_a_fraction_is_at_least_zero_and_under_one(seed: int, count: int) -> None:
    assert 0.0 <= fraction(seed, count) < 1.0
