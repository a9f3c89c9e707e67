import numpy as np

from tests.switch.evidence.worlds import WORLDS, most
from weighbridge.switch.evidence.betting import Values
from weighbridge.switch.evidence.sequence import proven

TAUS = np.linspace(-0.2, 0.6, 17)


def nested(cases: int, seed: int, *, hardness: float = 0.5) -> tuple[Values, Values]:
    """Losses by setting and case of a knob that moves a case once the loss predicted for it is low, and true means."""
    rng = np.random.default_rng(seed)
    predicted = rng.normal(0.15, 0.2, cases)

    def lost(predicted: Values, draw: Values) -> Values:
        return (draw < np.clip(predicted * hardness, 0, 1)).astype(float) - (draw > 1 - np.clip(-predicted, 0, 1))

    drawn = lost(predicted, rng.random(cases))
    far = rng.normal(0.15, 0.2, 40_000)
    meant = np.clip(far * hardness, 0, 1) - np.clip(-far, 0, 1)
    return (
        np.stack([np.where(predicted <= tau, drawn, 0.0) for tau in TAUS]),
        np.array([np.where(far <= tau, meant, 0.0).mean() for tau in TAUS]),
    )


def test_no_setting_that_breaks_the_promise_is_proven_in_more_worlds_than_promised() -> None:
    broken, found = np.zeros(2, int), np.zeros(2, int)
    squares = np.mean((0.03 - nested(2000, WORLDS)[0]) ** 2, axis=1)  # of other cases
    for seed in range(WORLDS):
        losses, means = nested(400, seed)
        passed = np.array([proven(losses, 0.03, 0.1), proven(losses, 0.03, 0.1, squares=squares)])
        broken += [bool((means[:each] > 0.03).any()) for each in passed]
        found += passed > 8
    assert (broken <= most(0.1)).all()
    assert 0.5 * WORLDS < found[0] < found[1]  # it is of use, and of more with an end in sight


def test_what_comes_after_a_setting_that_is_not_proven_is_not_proven() -> None:
    good, bad = np.zeros(200), np.ones(200)
    assert proven(np.stack([good, good, bad, good]), 0.05, 0.05) == 2
    assert proven(np.stack([bad, good]), 0.05, 0.05) == 0
    assert proven(np.stack([good, good]), 0.05, 0.05) == 2


def test_what_was_proven_once_stays_so() -> None:
    turning = np.concatenate([np.zeros(200), np.ones(50)])
    assert proven(turning[None], 0.05, 0.05) == 1


def test_nothing_is_proven_by_nothing() -> None:
    assert proven(np.zeros((3, 0)), 0.05, 0.05) == 0
