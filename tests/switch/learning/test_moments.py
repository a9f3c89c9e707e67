import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.switch.learning.blending import blend, shared
from weighbridge.switch.learning.grouping import centres
from weighbridge.switch.learning.moments import Cells, Moments


def drawn(seed: int, rows: int = 40, width: int = 5, targets: int = 3) -> tuple["np.ndarray", "np.ndarray"]:
    random = np.random.default_rng(seed)
    design, losses = random.standard_normal((rows, width)), random.standard_normal((rows, targets))
    losses[random.random(losses.shape) < 0.3] = np.nan
    return design, losses


def test_ridge_is_solved_for_each_target_by_the_rows_that_have_it() -> None:
    design, losses = drawn(0)
    moments = Moments(5, 3)
    moments.add(design, losses)
    weights, bias = moments.solve(np.ones(5), 2.0)
    for target in range(3):
        seen = ~np.isnan(losses[:, target])
        full = np.column_stack([design[seen], np.ones(seen.sum())])
        right = np.linalg.solve(full.T @ full + 2.0 * np.diag([1, 1, 1, 1, 1, 0]), full.T @ losses[seen, target])
        assert np.allclose([*weights[:, target], bias[target]], right, atol=1e-6)


@given(seed=st.integers(0, 1000), at=st.integers(0, 40))
def test_sums_do_not_care_how_they_came_about(seed: int, at: int) -> None:
    design, losses = drawn(seed)
    whole, first, second = Moments(5, 3), Moments(5, 3), Moments(5, 3)
    whole.add(design, losses)
    first.add(design[:at], losses[:at])
    second.add(design[at:], losses[at:])
    rest = whole.without(first)
    first.join(second)
    assert np.allclose(first.solve(np.ones(5), 1.0)[0], whole.solve(np.ones(5), 1.0)[0], atol=1e-6)
    assert np.allclose(rest.solve(np.ones(5), 1.0)[0], second.solve(np.ones(5), 1.0)[0], atol=1e-6)


def test_a_mean_is_drawn_by_as_many_as_are_said() -> None:
    cells = Cells.empty(2, 1)
    cells.add(np.array([0, 0, 1]), np.array([[1.0], [1.0], [np.nan]]))
    assert cells.means(2.0, np.array([0.5])).tolist() == [[0.75], [0.5]]
    wider = cells.widened(2)
    assert wider.counts.tolist() == [[2], [0], [0], [0]]
    assert wider.means(2.0, np.array([0.5])).tolist() == [[0.75], [0.5], [0.5], [0.5]]


def test_the_blend_finds_who_is_right_and_is_never_negative() -> None:
    random = np.random.default_rng(0)
    truth = random.standard_normal((400, 2))
    opinions = np.stack([truth, -truth, random.standard_normal(truth.shape)])
    usual = np.full(3, 1 / 3)
    weights = blend(opinions, truth + random.standard_normal(truth.shape), usual, prior=1.0)
    assert weights == pytest.approx([1, 0, 0], abs=0.1)


def test_with_little_to_go_by_the_blend_is_the_usual_one() -> None:
    random = np.random.default_rng(0)
    opinions = random.standard_normal((3, 5, 2))
    assert blend(opinions, opinions[0], np.array([0.5, 0.3, 0.2]), prior=1e6) == pytest.approx(
        [0.5, 0.3, 0.2], abs=1e-2
    )


def test_what_arms_have_in_common_counts_in_full_and_the_rest_half() -> None:
    random = np.random.default_rng(0)
    common = random.standard_normal((200, 1)) * np.ones(6) * 5
    noise = random.standard_normal((200, 6)) * 0.1
    matrix = shared(common + noise)
    assert np.allclose(common @ matrix, common, rtol=0.02)
    assert np.linalg.norm(noise @ matrix) < 0.85 * np.linalg.norm(noise)
    assert np.allclose(shared(np.ones((4, 1))), [[1.0]])


def test_groups_that_lie_apart_are_found() -> None:
    random = np.random.default_rng(0)
    places = np.concatenate([random.standard_normal((50, 2)) * 0.1 + at for at in (0, 5, 10)]).astype(np.float32)
    found = np.sort(centres(places, 3, seed=0)[:, 0])
    assert found == pytest.approx([0, 5, 10], abs=0.2)


def test_there_are_no_more_groups_than_places() -> None:
    assert len(centres(np.zeros((2, 3), np.float32), 8, seed=0)) == 2
