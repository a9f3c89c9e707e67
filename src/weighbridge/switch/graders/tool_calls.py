"""The calls that an answer makes, as expected: names and arguments, in any order."""

from collections import Counter
from typing import Final

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import documents
from weighbridge.switch.graders.asked import Json, asked
from weighbridge.switch.graders.gold import all_short
from weighbridge.switch.graders.grader import graded

NAME: Final = "tools/1"
Calls = Counter[tuple[str, str]]


def grade(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
    """Right is to make the same calls, each as often, with arguments that are equal as JSON.

    Expected is a JSON array of `{"name": …, "arguments": {…}}` in a request that brings tools; without it, what the
    reference called, unless one of its arguments is prose.
    """
    right = _expected(case) if case.expected is not None else _of_reference(reference)
    if right is None:
        return None
    return graded(NAME, case, reference, candidate, lambda answer: float(_calls(answer) == right))


def _expected(case: Case) -> Calls | None:
    if case.expected is None or case.expected.kind != "json" or not asked(case.body).tools:
        return None
    document = documents.decoded(case.expected.value)
    if not isinstance(document, list) or not all(isinstance(call, dict) and "name" in call for call in document):
        return None
    return Counter((str(call["name"]), documents.canonical(call.get("arguments", {}))) for call in document)


def _of_reference(reference: Answer) -> Calls | None:
    calls = _calls(reference)
    prose = any(not all_short(_arguments(call.arguments)) for call in reference.calls)
    return None if calls is None or prose or not calls else calls


def _calls(answer: Answer) -> Calls | None:
    """None where arguments are no JSON, which equals nothing."""
    made = [(call.name, _arguments(call.arguments)) for call in answer.calls]
    if any(arguments is documents.NONE for _, arguments in made):
        return None
    return Counter((name, documents.canonical(arguments)) for name, arguments in made)


def _arguments(written: str) -> Json:
    return documents.decoded(written) if written.strip() else {}
