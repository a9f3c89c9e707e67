"""A cheaper model's answer that is not of the form that was asked for is not given: the reference is asked instead.

What is looked at can be known for certain: whether an answer is the JSON of `response_format`, by its schema, and
whether its calls are of the request's tools, with arguments by their schemas. It is looked at before a byte leaves, so
in answers that are not streamed, and costs about as much as reading the answer.
"""

from weighbridge.errors import AnswerUnfit
from weighbridge.switch.answers import answer_of
from weighbridge.switch.case import Case
from weighbridge.switch.graders.flags import format_valid, tools_valid
from weighbridge.wire.surface import Asked, Verified


def verified(asked: Asked, model: str) -> Verified | None:
    """How the answers of a model (the catalogue's id) are looked at; None where they can't be."""
    if asked.task != "chat" or asked.call.streamed or asked.call.choices != 1:
        return None
    return Verified(model, lambda document: _check(asked.body, document))


def _check(body: bytes, document: bytes) -> None:
    """Raises AnswerUnfit."""
    answer = answer_of(document)
    if answer is None:
        return  # whoever reads it says what it is
    case = Case("", "", body)
    if format_valid(case, answer) is False:
        raise AnswerUnfit("the answer is not the JSON that was asked for")
    if tools_valid(case, answer) is False:
        raise AnswerUnfit("the answer calls a tool that was not offered, or with other arguments than its schema has")
