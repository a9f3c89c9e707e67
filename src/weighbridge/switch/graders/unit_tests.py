"""Code, by whether it passes its tests. Runs what models wrote: only where the user allows it (`--run-code`)."""

import re
from typing import Final

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import sandbox
from weighbridge.switch.graders.grader import graded

NAME: Final = "tests/1"
_FENCED: Final = re.compile(r"```[ \t]*(python3?|py|)[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def grade(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
    """Right is Python code that passes the expected tests in the sandbox, with the standard library alone."""
    if case.expected is None or case.expected.kind != "tests":
        return None
    tests = case.expected.value
    passed = {text: float(sandbox.passes(text, tests)) for text in {source(reference.text), source(candidate.text)}}
    return graded(NAME, case, reference, candidate, lambda answer: passed[source(answer.text)])


def source(text: str) -> str:
    """The code of an answer: its longest block that is marked as Python or not marked, else all of it."""
    blocks = [block for _, block in _FENCED.findall(text)]
    return max(blocks, key=len) if blocks else text
