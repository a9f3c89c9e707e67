"""The graders in their order, cheapest first: the first one that says something of a case grades it.

A grader is a function in a file of this package and a line in LADDER; a user's own is named by its file (outside.py)
and goes ahead of all. What no rung can grade is for a model to judge: `judged`.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import exact, numeric, pairwise, rubric, structured, tool_calls, unit_tests
from weighbridge.switch.graders.grader import Grader
from weighbridge.switch.graders.judge import Judge
from weighbridge.switch.graders.rubric import Rubric


class Rung(NamedTuple):
    """One grader."""

    name: str
    """As a case or a user names it."""
    grade: Grader
    runs_code: bool = False
    """Whether it runs what models wrote: only where the user allows it."""


LADDER: Final = (
    Rung("exact", exact.grade),
    Rung("numeric", numeric.grade),
    Rung("tools", tool_calls.grade),  # ahead of json, as expected calls are JSON too
    Rung("json", structured.grade),
    Rung("tests", unit_tests.grade, runs_code=True),
)


LIVE: Final = {rung.name: rung.grade for rung in LADDER if not rung.runs_code}
"""Those that a gateway grades with while it runs: none of them runs what a model wrote."""


def is_live(grader: str) -> bool:
    """Whether a gateway grades with this one while it runs, by the name in its grades: `numeric/1`."""
    return grader.partition("/")[0] in LIVE


def graders(*, run_code: bool = False, own: Mapping[str, Grader] | None = None) -> dict[str, Grader]:
    """The graders to go by, in order: the user's own, then the ladder's."""
    return {**(own or {}), **{rung.name: rung.grade for rung in LADDER if run_code or not rung.runs_code}}


def grade(case: Case, reference: Answer, candidate: Answer, *, graders: Mapping[str, Grader]) -> Grade | None:
    """What two answers to one case are worth; None where none of the graders can say, or the reference failed.

    A case that names its grader is graded by that one only. It may take seconds where code is run: call it in a thread.
    """
    if reference.error is not None:
        return None
    if case.grader is not None:
        named = graders.get(case.grader)
        return None if named is None else named(case, reference, candidate)
    for each in graders.values():
        if (found := each(case, reference, candidate)) is not None:
            return found
    return None


async def judged(
    case: Case, reference: Answer, candidate: Answer, *, judge: Judge, checks: Rubric | None = None
) -> Grade | None:
    """What two answers are worth by a model's judgement: by the checks of their route where it has some, else compared.

    For what no grader says anything of. The judge is not asked where the candidate failed or said the same. None where
    the reference failed, or the judge did: such a case stays ungraded. `judge` was found suited before.
    """
    if reference.error is not None:
        return None
    if candidate.error is not None:
        return Grade("unanswered/1", 1.0, candidate=0.0, why="the candidate gave no answer")
    if (reference.text.strip(), reference.calls) == (candidate.text.strip(), candidate.calls):
        return Grade("same/1", 0.0, why="both say the same")
    if checks is not None:
        return await rubric.grade(case, reference, candidate, judge=judge, rubric=checks)
    return await pairwise.grade(case, reference, candidate, judge=judge)
