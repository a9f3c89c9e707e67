"""What came of one replay, as it is stored: figures, flags and a grade, never a text."""

from decimal import Decimal
from typing import Final, Literal

import msgspec

from weighbridge.ledger.cost import plain
from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders.flags import format_valid, refused, tools_valid

VERSION: Final = 1
State = Literal["sent", "again", "done", "gone"]
"""sent   it is under way, or was when the run was ended
again  nobody answered; it is tried again
done   it was answered, or has failed for good: a loss
gone   it is no evidence: its text is not kept any more, the reference has no answer, it may not go there"""


class Replayed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case on one arm, or on the reference."""

    version: int = VERSION
    state: State
    most: str | None = None
    """What was held for it while it was under way: US dollars, in digits."""
    tries: int = 0
    """How often nobody answered."""
    error: str | None = None
    """The stable code of what went wrong."""
    why: str = ""
    receipt: str | None = None
    finish: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: str | None = None
    """US dollars, in digits, by the ledger."""
    seconds: float | None = None
    length: int | None = None
    """Characters of the answer."""
    refused: bool | None = None
    format_valid: bool | None = None
    """None: no format was asked for."""
    tools_valid: bool | None = None
    """None: no call was made."""
    kept: bool = False
    """Of the reference: whether this is the answer that was kept, for which nothing was paid now."""
    grade: Grade | None = None
    """Against the reference; None where nothing could grade it."""
    judged: float | None = None
    """The loss as the judge says, of some cases where it is known what is right: the judge is measured by these."""
    blind: float | None = None
    """The loss by the reference's answer alone, and by graders that run anywhere: shadows are graded so, for nobody
    knows what is expected of them. None where that is the grade's own, and where nothing could grade it so."""
    live: bool | None = None
    """Whether there is such a loss, be it the grade's own; None: the candidate gave no answer, so it is no shadow."""


def answered(case: Case, answer: Answer, cost: Decimal | None, *, kept: bool = False) -> Replayed:
    """What is kept of an answer."""
    return Replayed(
        state="done",
        error=answer.error,
        receipt=answer.receipt,
        finish=answer.finish,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cost=None if cost is None else plain(cost),
        seconds=answer.seconds,
        length=len(answer.text),
        refused=refused(answer),
        format_valid=format_valid(case, answer),
        tools_valid=tools_valid(case, answer),
        kept=kept,
    )


def encode(replayed: Replayed) -> bytes:
    """As it is stored."""
    return msgspec.json.encode(replayed)


_decoder: Final = msgspec.json.Decoder(Replayed)


def decode(document: bytes) -> Replayed:
    """Of a stored document. Raises msgspec.MsgspecError where it is of a newer release."""
    return _decoder.decode(document)
