"""What can be said of one answer without comparing it: for the report's shares, and for cascades."""

import re
from typing import Final

from weighbridge.switch.case import Answer, Case
from weighbridge.switch.graders import documents
from weighbridge.switch.graders.asked import asked
from weighbridge.switch.graders.schema import violation

_OPENING: Final = 200
"""Characters in which a refusal shows: an answer that helps and regrets something further down is none."""
_REFUSALS: Final = re.compile(
    r"\bI(?:'m| am) (?:sorry|afraid)\b.{0,40}\b(?:can(?:'t|not)|unable|won't|not able)\b"
    r"|\bI (?:can(?:'t|not)|won't|will not|am unable to|'m unable to|am not able to|must decline to)"
    r" (?:help|assist|provide|comply|fulfil|do that|create|answer|discuss|engage|share|write|generate|support)"
    r"|\b(?:sorry|unfortunately),? (?:but )?I (?:can(?:'t|not)|am unable|won't)"
    r"|(?:لا|لن) (?:أستطيع|يمكنني|أقدر على) (?:مساعدت|المساعدة|تقديم|الإجابة|تلبية)"
    r"|(?:عذرًا|عذراً|آسف|أعتذر)[،,]? .{0,20}(?:لا|لن) (?:أستطيع|يمكنني)"
    r"|(?:抱歉|对不起).{0,12}(?:不能|无法)",
    re.IGNORECASE | re.DOTALL,
)


def refused(answer: Answer) -> bool:
    """Whether the model declined: it says so in its field or its first words, or a filter stopped it.

    By the words of English, Arabic and Chinese refusals; a refusal in other words is not seen.
    """
    if answer.refusal is not None or answer.finish == "content_filter":
        return True
    opening = answer.text.lstrip()[:_OPENING].replace("\u2019", "'")
    return not answer.calls and _REFUSALS.search(opening) is not None


def format_valid(case: Case, answer: Answer) -> bool | None:
    """Whether an answer is the JSON that was asked for, by its schema where there is one. None: none was asked for."""
    request = asked(case.body)
    if request.format == "text" or answer.calls:
        return None
    document = documents.read(answer.text, whole=True)
    if document is documents.NONE or (request.format == "json_object" and not isinstance(document, dict)):
        return False
    return violation(document, request.schema) is None


def tools_valid(case: Case, answer: Answer) -> bool | None:
    """Whether all calls are of tools that the request brings, with arguments by their schema. None: no calls."""
    if not answer.calls:
        return None
    parameters = asked(case.body).parameters
    for call in answer.calls:
        document = documents.decoded(call.arguments) if call.arguments.strip() else {}
        if call.name not in parameters or not isinstance(document, dict):
            return False
        if violation(document, parameters[call.name]) is not None:
            return False
    return True
