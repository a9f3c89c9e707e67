"""The examples that lost most, and their texts where those are kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from weighbridge.routing.quality.look import look
from weighbridge.switch.case import Answer, Case
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.document import Texts, Worst
from weighbridge.switch.store import REFERENCE

MOST: Final = 5
"""Of each route."""
Rows = Mapping[tuple[str, str], Replayed]
"""By case and arm."""
Kept = Callable[[str], Case | None]
"""A case by its id, where its text can still be read."""
Answered = Callable[[str], Answer | None]
"""An answer by its receipt, where it is kept."""


def worst(rows: Rows, arms: Sequence[str]) -> tuple[Worst, ...]:
    """Those of these arms with the greatest losses, greatest first; nothing that lost nothing."""
    lost = [
        (row.grade.loss, case, arm)
        for (case, arm), row in rows.items()
        if arm in arms and row.grade is not None and row.grade.loss > 0
    ]
    lost.sort(key=lambda each: (-each[0], each[1], each[2]))
    return tuple(_worst(rows, case, arm) for _, case, arm in lost[:MOST])


def with_texts(found: Sequence[Worst], kept: Kept, answered: Answered) -> tuple[Worst, ...]:
    """The same, each with what was asked and answered where that is kept."""
    return tuple(_with_texts(each, kept, answered) for each in found)


def _worst(rows: Rows, case: str, arm: str) -> Worst:
    row, reference = rows[case, arm], rows.get((case, REFERENCE))
    grade = row.grade
    assert grade is not None  # noqa: S101 - only graded ones are looked at
    receipt = None if reference is None else reference.receipt
    return Worst(
        case=case,
        arm=arm,
        loss=grade.loss,
        grader=grade.grader,
        why=grade.why,
        receipt=row.receipt,
        reference_receipt=case if receipt is None and not case.startswith("line-") else receipt,
    )


def _with_texts(each: Worst, kept: Kept, answered: Answered) -> Worst:
    case = kept(each.case)
    if case is None:
        return each
    reference = case.reference
    if reference is None and each.reference_receipt is not None:
        reference = answered(each.reference_receipt)
    candidate = None if each.receipt is None else answered(each.receipt)
    texts = Texts(look(case.body).last, _said(reference), _said(candidate))
    return msgspec.structs.replace(each, texts=texts)


def _said(answer: Answer | None) -> str | None:
    """Its words and calls."""
    if answer is None:
        return None
    calls = "\n".join(f"{call.name}({call.arguments})" for call in answer.calls)
    return "\n".join(part for part in (answer.text, answer.refusal, calls) if part)
