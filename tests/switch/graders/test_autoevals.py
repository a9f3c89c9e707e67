"""Scorers of autoevals as graders: of the real package."""

import sys
from typing import Any

import pytest

from tests.switch.graders.cases import case
from weighbridge.switch.case import Answer
from weighbridge.switch.graders.autoevals import SCORERS, adapted
from weighbridge.switch.graders.grader import GraderError

CASES: list[tuple[str, tuple[Any, Any], str, str, tuple[float, float]]] = [
    ("ExactMatch", ("text", "Paris"), "Paris", "Lyon", (1, 0)),
    ("Levenshtein", ("text", "Paris"), "Paris", "Pari", (1, 0.8)),
    ("NumericDiff", ("number", "10"), "It is 10", "ten", (1, 0)),
    ("JSONDiff", ("json", {"a": "x"}), '{"a": "x"}', "no", (1, 0)),
    ("ValidJSON", ("json", {"a": "x"}), '{"a": 1}', "{", (1, 0)),
]


@pytest.mark.parametrize(("name", "expected", "reference", "candidate", "quality"), CASES)
def test_scorer_is_a_grader(
    name: str, expected: tuple[Any, Any], reference: str, candidate: str, quality: tuple[float, float]
) -> None:
    found = adapted(f"autoevals:{name}")(case(expected), Answer(reference), Answer(candidate))
    assert found is not None
    assert (found.grader, found.reference, found.candidate) == (f"autoevals:{name}", *map(pytest.approx, quality))


def test_every_scorer_has_a_case() -> None:
    assert {name for name, *_ in CASES} == set(SCORERS)


def test_scorers_that_ask_a_model_are_no_graders() -> None:
    with pytest.raises(GraderError, match="it is one of autoevals:ExactMatch"):
        adapted("autoevals:Factuality")


def test_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "autoevals", None)
    with pytest.raises(GraderError, match=r"pip install 'weighbridge\[graders\]'"):
        adapted("autoevals:Levenshtein")


def test_code_is_not_scored() -> None:
    tests = case()
    grader = adapted("autoevals:Levenshtein")
    assert grader(tests, Answer("A long answer. Of two sentences."), Answer("b")) is None
    assert grader(case(("tests", "assert True")), Answer("a"), Answer("b")) is None
