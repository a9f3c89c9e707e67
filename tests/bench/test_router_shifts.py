import numpy as np
import pytest

from bench.router.data import Table
from bench.router.measure import knob_for
from bench.router.shifts import until_alarm
from bench.router.specs import SPECS
from bench.router.splits import Board

MOVED = np.ones(100, bool)


def test_the_alarm_rings_sooner_the_more_is_lost() -> None:
    much, little = (until_alarm((np.arange(100) < share).astype(float), MOVED, seed=0) for share in (50, 15))
    assert much is not None
    assert little is not None
    assert much < little


def test_the_alarm_is_still_where_nothing_is_lost_or_nothing_moved() -> None:
    assert until_alarm(np.zeros(100), MOVED, seed=0) is None
    assert until_alarm(np.ones(100), ~MOVED, seed=0) is None


@pytest.mark.parametrize(("allowed", "saves"), [(-0.1, False), (0.0, True)])
def test_the_knob_saves_most_of_what_is_allowed(allowed: float, saves: bool) -> None:
    quality = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    cost = np.array([[4.0, 2.0, 1.0], [4.0, 2.0, 1.0]])
    table = Table("t", np.array(["a", "a"]), ["one", "two"], ("ref", "good", "bad"), quality, cost, cost)
    played = Board(SPECS[2], table, table.looks, quality[:, :1] - quality[:, 1:], None)
    rows = np.array([0, 1])
    tau = knob_for(played, rows, np.array([[0.0, 0.5]] * 2), cost, usual=4.0, allowed=allowed)
    assert np.isfinite(tau) == saves
