import numpy as np
import pytest

from tests.switch.evidence.worlds import WORLDS, most
from weighbridge.switch.evidence import betting
from weighbridge.switch.evidence.rectified import error, rectified


def judging(rng: np.random.Generator, cases: int) -> tuple[np.ndarray, np.ndarray]:
    """True losses of mean 0.1, and what a judge says who overlooks a third of the harms."""
    true = (rng.random(cases) < 0.1).astype(float)
    judged = np.where(rng.random(cases) < 1 / 3, 0.0, true)
    return true, judged


def test_a_judge_that_overlooks_harm_does_not_make_the_promise_wrong() -> None:
    rng = np.random.default_rng(7)
    wrong = trusted = 0
    for _ in range(WORLDS):
        true, judged = judging(rng, 200)
        _, many = judging(rng, 1500)
        _, _, high = rectified(many, error(judged, true, 0.05), 0.1)
        wrong += high < 0.1
        trusted += betting.upper(many, 0.1) < 0.1
    assert wrong <= most(0.1)
    assert trusted > most(0.1)  # who takes the judge's word is deceived


def test_the_mean_is_put_right() -> None:
    rng = np.random.default_rng(8)
    true, judged = judging(rng, 20_000)
    mean, low, high = rectified(judging(rng, 20_000)[1], error(judged, true, 0.05), 0.1)
    assert mean == pytest.approx(0.1, abs=0.01)
    assert low < 0.1 < high


@pytest.mark.parametrize(("judged", "true"), [([], []), ([0.0], [0.0, 1.0])])
def test_pairs_that_are_none_are_refused(judged: list[float], true: list[float]) -> None:
    with pytest.raises(ValueError, match="as many judged losses"):
        error(np.array(judged), np.array(true), 0.05)
