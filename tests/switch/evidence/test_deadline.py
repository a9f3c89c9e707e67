import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.switch.evidence.worlds import KINDS, WORLDS, losses, most
from weighbridge.switch.evidence import betting
from weighbridge.switch.evidence.deadline import log_capital_path, shared

CASES = 300


def worlds(kind: str, mean: float, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.stack(list(losses(kind, mean, CASES, seed)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [0.3, 1.0])
def test_whoever_looks_after_every_case_is_deceived_no_more_often_than_promised_however_wrong_the_spread(
    kind: str, wrong: float
) -> None:
    drawn = worlds(kind, 0.05, seed=21)
    squares = np.full(WORLDS, wrong * float(drawn.var()))
    path = log_capital_path(drawn, 0.05 - 1e-9, 0.05, squares)
    assert (path.max(axis=1) >= math.log(20)).sum() <= most(0.05)


def test_at_the_end_it_proves_what_other_bets_do_not_yet() -> None:
    drawn = worlds("gains", 0.005, seed=22)
    squares = np.full(WORLDS, float(drawn.var()))
    aimed = betting.aimed(worlds("gains", 0.005, seed=23)[0], 0.06, 0.05, CASES)
    others = np.stack([betting.log_capital_path(row, 0.06, aimed) for row in drawn])
    halved = shared(log_capital_path(drawn, 0.06, 0.025, squares), others, 0.5)
    alone, aided = ((path.max(axis=1) >= math.log(20)).mean() for path in (others, halved))
    assert aided > alone + 0.05


def test_what_is_proven_stays_proven() -> None:
    drawn = np.concatenate([np.zeros((1, 200)), np.ones((1, 100))], axis=1)
    path = log_capital_path(drawn, 0.05, 0.05, np.array([0.05]))
    assert path[0, -1] == path.max() >= math.log(20)


@given(st.floats(-0.9, 0.9), st.floats(0.001, 0.5), st.floats(1e-6, 4.0), st.integers(0, 2**32))
def test_nobody_ever_loses_more_than_he_has(mean: float, delta: float, square: float, seed: int) -> None:
    drawn = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], size=(2, 40))
    assert np.isfinite(log_capital_path(drawn, mean, delta, np.full(2, square))).all()


def test_what_cannot_be_bet_on_is_refused() -> None:
    with pytest.raises(ValueError, match="lie in"):
        log_capital_path(np.array([[2.0]]), 0.05, 0.05, np.array([0.1]))
