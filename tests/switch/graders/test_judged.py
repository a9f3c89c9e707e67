import random

import pytest

from weighbridge.switch.case import Grade
from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.graders.judged import Pairs, judge_error, labels, length_effect, pairs

LINES = [b'{"case": "a", "label": "reference"}', b"", b'{"case": "b", "label": 0.5}', b'{"case": "c", "label": "tie"}']


def test_labels_are_losses() -> None:
    assert labels(LINES) == {"a": 1, "b": 0.5, "c": 0}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "line 2"),
        (b'{"case": "b"}', "label"),
        (b'{"case": "b", "label": "ours"}', "'ours'"),
        (b'{"case": "b", "label": 2}', "2"),
        (b'{"case": "a", "label": "tie"}', "labelled otherwise"),
    ],
)
def test_labels_that_cannot_be_used_are_told(line: bytes, problem: str) -> None:
    with pytest.raises(GraderError, match=problem):
        labels([b'{"case": "a", "label": "reference"}', line])


def test_pairs_are_what_a_model_judged_and_somebody_knows() -> None:
    grades = {id_: Grade("pairwise/1", loss, exact=False) for id_, loss in (("c", -1.0), ("a", 1.0), ("d", 0.0))}
    grades["b"] = Grade("numeric/1", 1.0)
    assert pairs(grades, labels(LINES)) == Pairs((1, -1), (1, 0))


def test_error_of_a_judge() -> None:
    judged = (1.0, 1, 0, 0, -1, 1, 0)
    true = (1.0, 0, 1, 0, -1, -1, 0)
    found = judge_error(Pairs(judged, true))
    assert found is not None
    assert found.error.mean == pytest.approx((0 - 1 + 1 + 0 + 0 - 2 + 0) / 7)
    assert found.error.pairs == 7
    assert found.confusion == {
        "candidate/candidate": 1,
        "candidate/reference": 1,
        "reference/reference": 1,
        "reference/tie": 1,
        "tie/reference": 1,
        "tie/tie": 2,
    }
    assert (found.false_ties, found.false_wins) == (1 / 4, 2 / 4)


def test_no_error_is_known_of_no_pair_and_no_share_of_nothing() -> None:
    assert judge_error(Pairs((), ())) is None
    found = judge_error(Pairs((0.0, 0), (0.0, 0)))
    assert found is not None
    assert (found.false_ties, found.false_wins, found.error.mean) == (None, None, 0)


def test_error_of_a_judge_that_is_hard_on_the_candidate_is_found() -> None:
    chance = random.Random(7)
    true = [chance.choice((-1.0, 0.0, 1.0)) for _ in range(400)]
    judged = [1.0 if chance.random() < 0.5 else each for each in true]
    found = judge_error(Pairs(tuple(judged), tuple(true)))
    assert found is not None
    assert found.error.low < -0.5 < found.error.high < 0


def test_effect_of_length_is_found_and_taken_out() -> None:
    chance = random.Random(3)
    lengths = [(100, chance.choice((100, 200, 400))) for _ in range(400)]
    losses = [0.2 - (0.3 if longer > 100 else 0) + chance.uniform(-0.1, 0.1) for _, longer in lengths]
    found = length_effect(losses, lengths)
    assert found is not None
    assert found.slope < -5 * found.slope_error
    assert found.at_equal_length - found.mean > 5 * found.at_equal_length_error


def test_length_that_does_nothing_has_no_effect() -> None:
    chance = random.Random(4)
    lengths = [(100, chance.randint(50, 300)) for _ in range(400)]
    found = length_effect([chance.choice((-1.0, 0.0, 1.0)) for _ in lengths], lengths)
    assert found is not None
    assert abs(found.slope) < 3 * found.slope_error


def test_no_effect_is_told_of_few_pairs_or_equal_lengths() -> None:
    assert length_effect([0.0] * 9, [(1, 2)] * 9) is None
    assert length_effect([0.0, 1.0] * 9, [(10, 20)] * 18) is None
