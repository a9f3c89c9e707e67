"""Scorers of Braintrust's autoevals (https://github.com/braintrustdata/autoevals) as graders.

Only those that ask nobody: a scorer that asks a model would ask past the gateway, its ledger and its policy.
`pip install 'weighbridge[graders]'`.
"""

from typing import Final, Protocol

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import documents, numbers
from weighbridge.switch.graders.asked import Json
from weighbridge.switch.graders.gold import gold
from weighbridge.switch.graders.grader import Grader, GraderError, graded

SCORERS: Final = ("ExactMatch", "JSONDiff", "Levenshtein", "NumericDiff", "ValidJSON")
"""Those that work out a score from two values, without a model."""
PREFIX: Final = "autoevals:"


class _Score(Protocol):
    @property
    def score(self) -> float | None: ...


class _Scorer(Protocol):
    def eval(self, output: Json, expected: Json = None) -> _Score: ...


def adapted(named: str) -> Grader:
    """A grader of what `autoevals:Levenshtein` names. Raises GraderError."""
    name = named.removeprefix(PREFIX)
    if name not in SCORERS:
        raise GraderError(f"grader {named!r}: it is one of {', '.join(PREFIX + each for each in SCORERS)}")
    try:
        import autoevals  # noqa: PLC0415 -- an optional package
    except ImportError as error:
        raise GraderError(f"grader {named!r} needs autoevals: pip install 'weighbridge[graders]'") from error
    scorer: _Scorer = getattr(autoevals, name)()

    def grade(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
        expected = gold(case, reference)
        if expected is None or expected.kind == "tests":
            return None
        return graded(
            f"{PREFIX}{name}", case, reference, candidate, lambda answer: _quality(scorer, name, answer, expected.value)
        )

    return grade


def _quality(scorer: _Scorer, name: str, answer: Answer, expected: str) -> float:
    """Between 0 and 1; what the scorer cannot score is worth nothing."""
    output: Json = answer.text
    right: Json = expected
    if name == "JSONDiff":
        output, right = documents.read(answer.text, whole=False), documents.decoded(expected)
    elif name == "NumericDiff":
        output, right = _number(answer.text), _number(expected)
    elif name == "ValidJSON":
        right = None
    if output in (documents.NONE, None):
        return 0.0
    score = scorer.eval(output, right).score
    return 0.0 if score is None else min(1.0, max(0.0, score))


def _number(text: str) -> float | None:
    found = numbers.answered(text)
    return None if found is None else float(found)
