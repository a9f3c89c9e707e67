import numpy as np
import pytest

from tests.switch.evidence.worlds import losses
from weighbridge.switch.evidence import betting, planning


def test_the_rule_of_thumb_is_as_published() -> None:
    # routing-evidence: s^2 = .06: slack .02 -> about 900 replays, slack .01 -> about 3,600
    assert planning.replays(0.06, 0.02, 0.05) == pytest.approx(900, rel=0.01)
    assert planning.replays(0.06, 0.01, 0.05) == pytest.approx(3600, rel=0.01)
    with pytest.raises(ValueError, match="never proven"):
        planning.replays(0.06, 0.0, 0.05)


def test_where_nothing_is_lost_the_fewest_are_what_the_bet_needs() -> None:
    path = betting.log_capital_path(np.zeros(1000), 0.02)
    assert planning.fewest(0.02, 0.05) == int(np.argmax(path >= np.log(20))) + 1


def test_what_is_needed_is_near_what_half_of_the_worlds_need() -> None:
    took = []
    for world in losses("harms", 0.02, 3000, seed=6):
        rich = betting.log_capital_path(world, 0.05) >= np.log(20)
        took.append(int(np.argmax(rich)) + 1 if rich.any() else 3001)
        if len(took) == 200:
            break
    many = np.concatenate([np.ones(200), np.zeros(9800)])
    foretold = planning.needed(many, 0.05, 0.05)
    assert foretold is not None
    assert np.quantile(took, 0.25) <= foretold <= np.quantile(took, 0.9)


def test_what_loses_more_than_is_allowed_is_never_enough() -> None:
    assert planning.needed(np.ones(10), 0.05, 0.05) is None
    assert planning.needed(np.full(50, 0.06), 0.05, 0.05) is None
    assert planning.needed(np.array([]), 0.05, 0.05) == planning.fewest(0.05, 0.05)
