"""A number, as expected."""

from typing import Final

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import numbers
from weighbridge.switch.graders.gold import gold
from weighbridge.switch.graders.grader import graded

NAME: Final = "numeric/1"


def grade(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
    """Right is the answer's number, in any script and with any separators, if numbers.same holds of it."""
    expected = gold(case, reference)
    if expected is None or expected.kind != "number":
        return None

    def quality(answer: Answer) -> float:
        number = numbers.answered(answer.text)
        return float(number is not None and numbers.same(number, expected.value))

    return graded(NAME, case, reference, candidate, quality)
