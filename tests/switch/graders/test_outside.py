"""A user's own grader: what is taken, and what is said of one that is not."""

from pathlib import Path

import pytest

from tests.switch.graders.cases import case
from weighbridge.switch.case import Answer
from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.graders.ladder import grade, graders
from weighbridge.switch.graders.outside import load

MINE = """
from weighbridge.switch.case import Grade

def polite(case, reference, candidate):
    if "thank" not in case.body.decode():
        return None
    one, other = ("please" in answer.text for answer in (reference, candidate))
    return Grade("polite/1", float(one) - float(other), float(one), float(other))

def two(case, reference): ...
async def later(case, reference, candidate): ...
def broken(case, reference, candidate): return case.nothing
def number(case, reference, candidate): return 0.5
def wide(case, reference, candidate): return Grade("wide/1", 2.0)
three = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_own_grader_grades_what_it_applies_to(file: Path) -> None:
    name, mine = load(f"{file}:polite")
    assert name.startswith("mine.py:polite-")
    names = graders(own={name: mine})
    thanked = case(messages=[{"role": "user", "content": "Say thank you"}])
    found = grade(thanked, Answer("Thanks, please"), Answer("Thanks"), graders=names)
    assert found is not None
    assert (found.grader, found.loss, found.harm) == ("polite/1", 1, True)
    other = grade(case(("number", "7")), Answer("7"), Answer("7"), graders=names)
    assert other is not None
    assert other.grader == "numeric/1"


def test_name_tells_of_a_file_that_changed(file: Path) -> None:
    before, _ = load(f"{file}:polite")
    file.write_text(MINE.replace("polite/1", "polite/2"))
    assert load(f"{file}:polite")[0] != before


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("mine.py", "a file and the function in it"),
        (":polite", "a file and the function in it"),
        ("mine.py:", "a file and the function in it"),
        ("mine.py:not a name", "a file and the function in it"),
        ("yours.py:polite", "there is no file"),
        ("mine.py:rude", "has no function 'rude'; it has broken, "),
        ("mine.py:three", "has no function 'three'"),
        ("mine.py:two", "called with"),
        ("mine.py:later", "is async"),
        ("notes.txt:polite", r"must end in \.py"),
        ("wrong.py:polite", "cannot be loaded: SyntaxError"),
        ("lacks.py:polite", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_grader_that_cannot_be_used_is_told(
    named: str, problem: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    Path("notes.txt").write_text(MINE)
    Path("wrong.py").write_text("def polite(")
    Path("lacks.py").write_text("import nothing_of_that_name")
    with pytest.raises(GraderError, match=problem):
        load(named)


@pytest.mark.parametrize(
    ("function", "problem"),
    [("broken", "failed on case line-1: AttributeError"), ("number", "returned a float"), ("wide", "loss 2.0")],
)
def test_wrong_grades_are_told(function: str, problem: str, file: Path) -> None:
    _, mine = load(f"{file}:{function}")
    with pytest.raises(GraderError, match=problem):
        mine(case(), Answer("a"), Answer("b"))


def test_scorers_of_autoevals_are_named_without_a_file() -> None:
    name, scorer = load("autoevals:Levenshtein")
    found = scorer(case(("text", "Paris")), Answer("Paris"), Answer("Pari"))
    assert found is not None
    assert (name, found.grader, found.candidate) == ("autoevals:Levenshtein", "autoevals:Levenshtein", 0.8)
