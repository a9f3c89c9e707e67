"""An arm that always answers: what its replays show of it."""

from decimal import Decimal

import pytest

from weighbridge.switch.case import Grade
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.alone import alone
from weighbridge.switch.report.worst import Rows
from weighbridge.switch.store import REFERENCE

ARM = "a/b"


def rows(losses: list[float], cost: str = "0.001", theirs: str | None = "0.01") -> Rows:
    found: dict[tuple[str, str], Replayed] = {}
    for number, loss in enumerate(losses):
        grade = Grade("exact/1", loss, 1.0, 1.0 - loss)
        found[f"c{number}", ARM] = Replayed(state="done", cost=cost, grade=grade)
        found[f"c{number}", REFERENCE] = Replayed(state="done", cost=theirs, kept=theirs is None)
    return found


@pytest.mark.parametrize(
    ("losses", "why", "more"),
    [
        ([0.0] * 400, "proven", False),
        ([1.0] * 60 + [0.0] * 60, "too_lossy", False),
        ([1.0] + [0.0] * 49, "undecided", True),
    ],
)
def test_what_it_loses_is_told_with_what_would_decide(losses: list[float], why: str, more: bool) -> None:
    found = alone(rows(losses), ARM, epsilon=0.05, delta=0.05, usual=None)
    assert (found.why, found.more is not None) == (why, more)
    loss, harm = found.outcome.loss, found.outcome.harm
    assert loss is not None
    assert harm is not None
    mean = sum(losses) / len(losses)
    assert loss.value == pytest.approx(mean)
    assert loss.low <= mean <= loss.high
    assert 0 <= harm.low <= mean <= harm.high


def test_what_it_saves_is_of_the_same_requests() -> None:
    found = alone(rows([0.0] * 4), ARM, epsilon=0.05, delta=0.05, usual=None)
    assert found.outcome.saving is not None
    assert found.outcome.saving.value == pytest.approx(0.9)
    kept = alone(rows([0.0] * 4, theirs=None), ARM, epsilon=0.05, delta=0.05, usual=Decimal("0.002"))
    assert kept.outcome.saving is not None
    assert kept.outcome.saving.value == pytest.approx(0.5)
    assert alone(rows([0.0] * 4, theirs=None), ARM, epsilon=0.05, delta=0.05, usual=None).outcome.saving is None


def test_without_a_grade_nothing_is_said_of_its_loss() -> None:
    ungraded = {("c1", ARM): Replayed(state="done")}
    assert alone(ungraded, ARM, epsilon=0.05, delta=0.05, usual=None).outcome.loss is None
