"""What is weighed: one request, what two models answered it, and what the difference is worth."""

from datetime import datetime
from typing import Literal

import msgspec

Gold = Literal["text", "number", "json", "tests", "choice"]
"""What kind of thing is expected: a text, a number, a JSON document, that tests pass, the letter of a choice."""


class Expected(msgspec.Struct, frozen=True, gc=False):
    """What a right answer is, where that is known without asking anybody."""

    kind: Gold
    value: str
    """The text, number or letter; a JSON document; the source of the tests."""


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A call that a model made."""

    name: str
    arguments: str
    """As the model wrote them: JSON, or what was meant to be."""


class Answer(msgspec.Struct, frozen=True):
    """What came of one request to one model. It lives as long as it is graded, and is not kept by us."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str | None = None
    """Why it ended, in the chat format's words: `stop`, `length`, `tool_calls`, `content_filter`."""
    refusal: str | None = None
    """What the model says in the field of that name."""
    error: str | None = None
    """The stable code of what went wrong; the answer is then empty."""
    receipt: str | None = None
    """The ledger's entry."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: str | None = None
    """US dollars, in digits; None where it is not known."""
    seconds: float | None = None
    """From the request to the answer's last byte."""


class Case(msgspec.Struct, frozen=True):
    """One request to be replayed."""

    id: str
    """The receipt of a kept text, or `line-` with 32 digits of a line's SHA-256."""
    route: str
    """The fingerprint of what it is alike to: see routing.quality.fingerprint."""
    body: bytes
    """A chat completion request; its model is replaced by whichever is asked."""
    at: datetime | None = None
    """When it was first asked."""
    reference: Answer | None = None
    """What the reference answered, where that is kept."""
    expected: Expected | None = None
    grader: str | None = None
    """The one to grade with, where its owner named one."""


class Grade(msgspec.Struct, frozen=True, gc=False):
    """What two answers to one case are worth."""

    grader: str
    """Its name and version, such as `numeric/1`."""
    loss: float
    """The reference's quality less the candidate's, in [-1, 1]: above 0, the candidate is worse."""
    reference: float | None = None
    """Quality in [0, 1]; None where only the two were compared."""
    candidate: float | None = None
    exact: bool = True
    """Whether it is so; False where a model judged it."""
    why: str = ""
    """In a few words, without anything of the answers."""

    @property
    def harm(self) -> bool:
        """Whether the reference was right and the candidate wrong."""
        if self.reference is None or self.candidate is None:
            return self.loss >= 1
        return self.reference >= 1 > self.candidate
