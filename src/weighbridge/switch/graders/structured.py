"""A JSON document that keeps to the request's schema and has the expected fields."""

from typing import Final

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import documents
from weighbridge.switch.graders.asked import asked
from weighbridge.switch.graders.gold import gold
from weighbridge.switch.graders.grader import graded
from weighbridge.switch.graders.schema import violation

NAME: Final = "json/1"


def grade(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
    """Quality is the share of fields that agree with what is expected (documents.agreement).

    It is 0 for what is no JSON or breaks the schema of the request's `response_format`. Where the request asks for
    JSON, the answer must be JSON to its ends: one in a fenced block would break the program that asked. But where the
    reference's answer is what is right, and was fenced, the program takes that; and where it breaks the schema, it is
    not right, and this says nothing.
    """
    expected = gold(case, reference)
    if expected is None or expected.kind != "json":
        return None
    request, right = asked(case.body), documents.decoded(expected.value)
    strict = request.format != "text"
    if case.expected is None:
        strict = strict and documents.read(reference.text, whole=True) is not documents.NONE
    if right is documents.NONE or (case.expected is None and violation(right, request.schema) is not None):
        return None

    def quality(answer: Answer) -> float:
        document = documents.read(answer.text, whole=strict)
        if document is documents.NONE or violation(document, request.schema) is not None:
            return 0.0
        return documents.agreement(right, document)

    return graded(NAME, case, reference, candidate, quality)
