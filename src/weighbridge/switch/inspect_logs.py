"""What a plan has weighed, as logs of inspect-ai: for each route and arm one of the reference, one of the arm.

Only what is kept can be written: a replay's text goes with the days that `switch run --keep-answers` names.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from weighbridge.switch.case import Answer
from weighbridge.switch.graders.inspect_log import Weighed, exported
from weighbridge.switch.planned import Plan, PlannedRoute
from weighbridge.switch.report.worst import Answered, Kept, Rows
from weighbridge.switch.store import REFERENCE

_PLAIN: Final = re.compile(r"[^a-zA-Z0-9.@#_-]+")


class Logs(msgspec.Struct, frozen=True):
    """Of one route and arm."""

    folder: str
    """Made of both their names."""
    reference: bytes
    candidate: bytes
    cases: int
    gone: int
    """Graded, and with no text of the request or of an answer any more: they are in neither."""


def logs(plan: Plan, rows: Rows, kept: Kept, answered: Answered, *, at: datetime) -> Iterator[Logs]:
    """One after the other, of those with a graded case; `at` stands in each as the time at which it was made."""
    for route in plan.routes:
        for arm in sorted({arm for case, arm in rows if arm != REFERENCE}):
            weighed, gone = _weighed(route, arm, rows, kept, answered)
            if not weighed and not gone:
                continue
            task = f"weighbridge switch {plan.id} {route.route}"
            yield Logs(
                folder=_PLAIN.sub("-", f"{route.route}-{arm}"),
                reference=exported(plan.reference, "reference", weighed, task=task, at=at),
                candidate=exported(arm, "candidate", weighed, task=task, at=at),
                cases=len(weighed),
                gone=gone,
            )


def _weighed(route: PlannedRoute, arm: str, rows: Rows, kept: Kept, answered: Answered) -> tuple[list[Weighed], int]:
    found, gone = [], 0
    for ref in route.cases:
        row = rows.get((ref.case, arm))
        if row is None or row.grade is None:
            continue
        case = kept(ref.case)
        candidate = _said(row.receipt, answered)
        reference = None if case is None else case.reference or _said(_receipt(rows, ref.case), answered)
        if case is None or candidate is None or reference is None:
            gone += 1
        else:
            found.append(Weighed(case, reference, candidate, row.grade))
    return found, gone


def _receipt(rows: Rows, case: str) -> str | None:
    row = rows.get((case, REFERENCE))
    return None if row is None else row.receipt


def _said(receipt: str | None, answered: Answered) -> Answer | None:
    return None if receipt is None else answered(receipt)
