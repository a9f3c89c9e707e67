import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.switch.evidence.worlds import WORLDS, losses, most
from weighbridge.routing.quality.look import Look
from weighbridge.switch.outcome import ALWAYS
from weighbridge.switch.seen import LEARNT_FROM, Seen, Terms
from weighbridge.switch.verdict import Verdict, settled, verdict

EASY = ("sum", "colour", "capital", "date", "greeting", "spelling")
HARD = ("proof", "integral", "theorem", "derivation", "lemma", "topology")
PRICES = (10.0, 1.0, 0.5)


def terms(cases: int, arms: Sequence[str] = ("lab/small",), epsilon: float = 0.05) -> Terms:
    return Terms(arms=tuple(arms), planned=cases, epsilon=epsilon, delta=0.05, route="rt-0123456789ab", seed="plan-1")


def seen(cases: int, lost: Sequence[Sequence[float]], *, seed: int = 1) -> Seen:
    """Cases of which half are hard; `lost` says for each arm how often it fails at easy and at hard ones."""
    rng = np.random.default_rng(seed)
    hard = rng.random(cases) < 0.5
    words = [HARD if each else EASY for each in hard]
    texts = [f"A question on a {' and a '.join(rng.choice(some, 3))}, number {at}." for at, some in enumerate(words)]
    failed = np.stack([rng.random(cases) < np.where(hard, often, rare) for rare, often in lost], axis=1).astype(float)
    tokens = np.full((cases, len(lost) + 1), 100.0)
    return Seen(
        cases=tuple(f"case-{seed}-{at}" for at in range(cases)),
        looks=tuple(Look("", text, text, 1, len(text), None, 0, (), "text") for text in texts),
        prompts=(20,) * cases,
        losses=failed,
        harms=failed,
        tokens=tokens,
        costs=tokens * np.array(PRICES[: len(lost) + 1]),
    )


def expense(arm: int, prompt: int, tokens: float) -> float:
    return PRICES[arm] * tokens


def judged(cases: int, lost: Sequence[Sequence[float]], **others: float) -> Verdict:
    arms = [f"lab/arm-{at}" for at in range(len(lost))]
    return verdict(terms(cases, arms, **others), seen(cases, lost), expense)


def test_an_arm_that_never_loses_answers_the_route() -> None:
    found = judged(100, [(0.0, 0.0)])
    assert (found.why, found.arms, found.tau, found.allowed) == ("proven", ("lab/arm-0",), ALWAYS, ())
    assert len(found.moved) >= 97
    outcome = found.routed
    assert outcome is not None
    assert outcome.loss is not None
    assert outcome.loss.high < 0.06
    assert outcome.saving is not None
    assert outcome.saving.value == pytest.approx(0.9, abs=0.03)


def test_of_two_that_never_lose_the_cheaper_one_does() -> None:
    assert judged(150, [(0.0, 0.0), (0.0, 0.0)]).arms == ("lab/arm-1",)


def test_an_arm_that_loses_too_much_is_refused_with_what_it_loses() -> None:
    found = judged(150, [(0.2, 0.6)])
    assert (found.why, found.arms, found.tau, found.predictor) == ("too_lossy", (), -math.inf, None)
    outcome = found.alone["lab/arm-0"].outcome
    assert outcome.loss is not None
    assert outcome.loss.low > 0.05


def test_too_few_replays_say_how_many_more_there_should_be() -> None:
    found = judged(40, [(0.0, 0.0)])
    assert found.why == "undecided"
    assert found.more is not None
    assert judged(40 + found.more, [(0.0, 0.0)]).why == "proven"


def test_the_knob_moves_what_is_easy_and_leaves_what_is_hard() -> None:
    found = judged(1200, [(0.0, 0.6)])
    assert found.why == "proven"
    assert found.tau < 1
    assert found.routed is not None
    assert found.routed.moved is not None
    assert 0.3 < found.routed.moved < 0.65
    assert found.routed.loss is not None
    assert found.routed.loss.high < 0.055
    assert found.allowed == tuple(sorted(found.allowed))
    assert all(each < found.tau for each in found.allowed)
    assert found.replays + found.fitted == 1200
    assert found.alone["lab/arm-0"].why == "too_lossy"
    assert [point.moved for point in found.curve] == sorted(point.moved for point in found.curve)
    assert sum(point.chosen for point in found.curve) == 1
    assert found.usual == pytest.approx(100 * PRICES[0], rel=0.1)


def test_the_same_cases_decide_each_time() -> None:
    found, again = judged(300, [(0.0, 0.6)]), judged(300, [(0.0, 0.6)])
    assert (found.moved, found.curve) == (again.moved, again.curve)
    assert 100 < found.replays < 200


def test_strange_requests_stay_with_the_reference() -> None:
    found = judged(200, [(0.0, 0.0)])
    assert found.predictor is not None
    strange = "\u0627\u0643\u062a\u0628 " * 40
    usual = "A question on a sum and a date and a colour, number 3."
    assert found.predictor.novelty(Look("", usual, usual, 1, 54, None, 0, (), "text")) <= found.novelty
    assert found.predictor.novelty(Look("", strange, strange, 1, 400, None, 0, (), "text")) > found.novelty


def test_what_nobody_could_grade_is_said_so() -> None:
    assert verdict(terms(40), seen(0, [(0.0, 0.0)]), expense).why == "ungraded"


def test_a_judge_that_errs_takes_its_error_off_what_may_be_lost() -> None:
    errs = dataclasses.replace(terms(100), judge_error=0.04)
    assert verdict(errs, seen(100, [(0.0, 0.0)]), expense).why == "undecided"


@pytest.mark.parametrize("kind", ["harms", "gains"])
def test_who_stops_as_soon_as_it_is_proven_is_wrong_in_no_more_worlds_than_promised(kind: str) -> None:
    wrong = 0
    for world in losses(kind, 0.05, 200, seed=21):
        wrong += any(settled(terms(200), world[:cases]) == "proven" for cases in (50, 100, 150, 200))
    assert wrong <= most(0.05)


def test_who_stops_early_proves_what_is_true() -> None:
    found = sum(
        any(settled(terms(200), world[:cases]) == "proven" for cases in (50, 100, 150, 200))
        for world in losses("harms", 0.005, 200, seed=22)
    )
    assert found > 0.85 * WORLDS


def test_what_is_of_no_use_is_given_up_early() -> None:
    assert settled(terms(400), np.ones(30)) == "too_lossy"
    assert settled(terms(400), np.zeros(20)) is None
    assert settled(terms(LEARNT_FROM), np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 12)) is None  # a part of it may be moved
