"""A text or the letter of a choice, as expected."""

from typing import Final

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import words
from weighbridge.switch.graders.gold import gold
from weighbridge.switch.graders.grader import graded

NAME: Final = "exact/1"


def grade(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
    """Right is what reads the same: see words.normal, and for letters words.choice."""
    expected = gold(case, reference)
    if expected is None or expected.kind not in ("text", "choice"):
        return None
    if expected.kind == "text":
        right = words.normal(expected.value)
        return graded(NAME, case, reference, candidate, lambda answer: float(words.normal(answer.text) == right))
    letter = words.choice(expected.value) or expected.value.strip().upper()
    return graded(NAME, case, reference, candidate, lambda answer: float(words.choice(answer.text) == letter))
