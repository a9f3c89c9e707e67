import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.switch.evidence.worlds import KINDS, losses, most
from weighbridge.switch.evidence.alarm import Alarm, rings

_SOME = 300
"""Worlds: it is watched case by case."""


@pytest.mark.parametrize("kind", KINDS)
def test_it_rings_for_nothing_in_no_more_worlds_than_promised(kind: str) -> None:
    worlds = [world for world, _ in zip(losses(kind, 0.05, 400, seed=9), range(_SOME), strict=False)]
    assert sum(rings(world, 0.05, 0.1) is not None for world in worlds) <= most(0.1, _SOME)


def test_what_is_watched_more_often_where_it_is_bad_does_not_deceive_it() -> None:
    """Requests of one kind are watched ten times as often, and lose; over all, the mean is what is allowed."""
    rng = np.random.default_rng(10)
    rang = {True: 0, False: 0}
    for _ in range(_SOME):
        bad = rng.random(3000) < 0.2
        lost = (bad & (rng.random(3000) < 0.25)).astype(float)  # of all 0.05
        chance = np.where(bad, 0.5, 0.05)
        seen = rng.random(3000) < chance
        for weighed in rang:
            alarm = Alarm(0.05, 0.1, least=0.05)
            for loss, probability in zip(lost[seen], chance[seen], strict=True):
                alarm.add(float(loss), float(probability) if weighed else 0.05)
            rang[weighed] += alarm.rang
    assert rang[True] <= most(0.1, _SOME)
    assert rang[False] > _SOME / 2


@pytest.mark.parametrize(("before", "loss", "within"), [(0, 1.0, 12), (2000, 1.0, 50), (2000, 0.5, 140)])
def test_it_rings_soon_after_it_has_become_bad(before: int, loss: float, within: int) -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        good = (rng.random(before) < 0.02).astype(float)
        bad = (rng.random(1000) < loss).astype(float)
        assert rings(good, 0.05, 0.05) is None
        rang = rings(np.concatenate([good, bad]), 0.05, 0.05)
        assert rang is not None
        assert before < rang <= before + within


def test_once_rung_it_has_rung() -> None:
    alarm = Alarm(0.05, 0.05)
    while not alarm.add(1.0):
        assert 0 <= alarm.level < 1
    assert alarm.level == 1
    for _ in range(1000):
        assert alarm.add(-1.0)


@pytest.mark.parametrize(("loss", "probability"), [(1.1, 1.0), (0.0, 0.01), (0.0, 1.1), (float("nan"), 1.0)])
def test_what_cannot_be_is_refused(loss: float, probability: float) -> None:
    with pytest.raises(ValueError, match="watched with probability"):
        Alarm(0.05, 0.05, least=0.05).add(loss, probability)


@given(before=st.lists(st.floats(-1, 1), max_size=40), loss=st.floats(-1, 0.05))
def test_what_loses_no_more_than_is_allowed_never_brings_it_nearer(before: list[float], loss: float) -> None:
    alarm = Alarm(0.05, 0.05)
    for each in before:
        alarm.add(each)
    was = alarm.capital
    alarm.add(loss)
    assert alarm.capital <= was * (1 + 1e-12)
