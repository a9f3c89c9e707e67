"""What a right answer is: what the case says, or else the reference's answer, where two right ones would be alike.

Without an expected value the reference's answer counts as right only if it is one of
- a JSON object or array, all of whose texts have at most 64 characters;
- a number alone (a unit of two words at most), in a box, or after ####;
- the letter of a choice alone;
- a label: one line of at most 32 characters and 4 words without marks between sentences.
An answer that was cut short, refuses, or calls tools is none of these. All else is for a judge.
"""

import re
from typing import Final

import msgspec

from weighbridge.switch.case import Answer, Case, Expected
from weighbridge.switch.graders import documents, numbers, words
from weighbridge.switch.graders.asked import Json

LONGEST_LABEL: Final = 32
MOST_WORDS: Final = 4
LONGEST_FIELD: Final = 64
"""Characters of a text within a document: longer ones are prose, of which two right ones differ."""
_SENTENCES: Final = re.compile(r"[.!?؟。…:;]\s|[!?؟…]$")


def gold(case: Case, reference: Answer) -> Expected | None:
    """What both answers are held to; None where nobody knows without reading them."""
    if case.expected is not None:
        return case.expected
    text = reference.text.strip()
    if not text or reference.calls or reference.refusal is not None or reference.finish == "length":
        return None
    if (document := documents.read(text, whole=False)) is not documents.NONE:
        short = isinstance(document, (dict, list)) and all_short(document)
        return Expected("json", msgspec.json.encode(document).decode()) if short else _label(text)
    return _label(text)


def all_short(document: Json) -> bool:
    """Whether no text in a document is prose."""
    if isinstance(document, dict):
        return all(all_short(each) for each in document.values())
    if isinstance(document, list):
        return all(all_short(each) for each in document)
    return not isinstance(document, str) or len(document) <= LONGEST_FIELD


def _label(text: str) -> Expected | None:
    if numbers.alone(text) is not None:
        return Expected("number", str(numbers.alone(text)))
    if len(text) <= LONGEST_LABEL and "\n" not in text:
        if (letter := words.choice(text)) is not None and len(words.normal(text)) == 1:
            return Expected("choice", letter)
        if len(text.split()) <= MOST_WORDS and not _SENTENCES.search(text) and words.normal(text):
            return Expected("text", text)
    return None
