"""What a grader is, and what graders have in common."""

from collections.abc import Awaitable, Callable
from typing import Final

from weighbridge.switch.case import Answer, Case, Grade

Grader = Callable[[Case, Answer, Answer], Grade | None]
"""From a case, the reference's answer and the candidate's. None: it says nothing of such a case."""

Ask = Callable[[bytes], Awaitable[Answer]]
"""Sends a chat completion request without a model to whoever judges, and brings what came of it."""

EXPECTED: Final = "against what is expected"
AGREEMENT: Final = "against the reference's answer"


def graded(name: str, case: Case, reference: Answer, candidate: Answer, quality: Callable[[Answer], float]) -> Grade:
    """What two answers are worth, each on its own by `quality`, from 0 (wrong) to 1 (right)."""
    first, second = quality(reference), quality(candidate)
    why = AGREEMENT if case.expected is None else EXPECTED
    return Grade(name, first - second, first, second, why=why)


class GraderError(ValueError):
    """A grader, a judge, a rubric or a file of labels cannot be used; it says which, why, and what would work."""
