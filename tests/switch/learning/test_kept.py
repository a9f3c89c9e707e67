import numpy as np
import pytest

from tests.switch.learning.requests import ARMS, some
from weighbridge.routing.quality.predictor import PredictorUnreadableError
from weighbridge.switch.learning.fit import learn
from weighbridge.switch.learning.kept import kept, taken_up


def test_a_learner_that_was_kept_learns_on_as_if_it_had_not_been() -> None:
    looks, losses, tokens, routes = some(90)
    losses[::7, 0] = np.nan
    learner = learn(looks[:60], losses[:60], ARMS, tokens=tokens[:60], routes=routes[:60])
    again = taken_up(kept(learner))
    for each in (learner, again):
        each.update(looks[60:], losses[60:], tokens[60:], ["rt-new"] * 30)
    before, after = learner.predictor(), again.predictor()
    for look in looks[::9]:
        assert after.losses(look, "rt-new") == pytest.approx(before.losses(look, "rt-new"), abs=1e-5)
        assert after.tokens(look) == pytest.approx(before.tokens(look), rel=1e-4)


def test_nothing_of_a_request_can_be_read_in_what_is_kept() -> None:
    looks, losses, tokens, _ = some(40)
    blob = kept(learn(looks, losses, ARMS, tokens=tokens))
    assert not any(word in blob for word in (b"riddle", b"pears", b"Amal"))


@pytest.mark.parametrize("blob", [b"", b"nothing"])
def test_what_is_no_learner_says_so(blob: bytes) -> None:
    with pytest.raises(PredictorUnreadableError, match="learn anew"):
        taken_up(blob)
