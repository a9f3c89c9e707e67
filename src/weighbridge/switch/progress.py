"""How far a plan's replays have come: counts and plain means, for whoever waits. What they prove, the verdict says."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.db import Connection
from weighbridge.switch import store
from weighbridge.switch.case import Grade
from weighbridge.switch.planned import Plan
from weighbridge.switch.replayed import State
from weighbridge.switch.store import REFERENCE


class Progress(msgspec.Struct, frozen=True):
    """Of one arm on one route."""

    route: str
    arm: str
    planned: int
    done: int
    """Answered, or failed for good."""
    graded: int
    loss: float | None
    """The mean of what was graded; None where nothing was."""
    harm: int
    """Where the reference was right and the candidate wrong."""
    unanswered: int
    """Losses because nobody answered, or the request could not be taken."""
    gone: int
    """What is no evidence."""
    cost: Decimal
    """Of its own replays, in US dollars."""


def progress(connection: Connection, plan: Plan) -> list[Progress]:
    """Of every arm, in the plan's order. Raises db.Error."""
    rows = {(case, arm): _read(text) for case, arm, text in store.documents(connection, plan.id) if arm != REFERENCE}
    return [
        _of(
            route.route,
            arm.arm.id,
            len(route.cases),
            [row for ref in route.cases if (row := rows.get((ref.case, arm.arm.id))) is not None],
        )
        for route in plan.routes
        for arm in route.arms
    ]


class _Row(msgspec.Struct, gc=False):
    """What is counted of a replay: pages of many plans read thousands."""

    state: State
    error: str | None = None
    cost: str | None = None
    grade: Grade | None = None


_read: Final = msgspec.json.Decoder(_Row).decode


def _of(route: str, arm: str, planned: int, rows: Sequence[_Row]) -> Progress:
    grades = [row.grade for row in rows if row.grade is not None]
    return Progress(
        route=route,
        arm=arm,
        planned=planned,
        done=sum(row.state == "done" for row in rows),
        graded=len(grades),
        loss=sum(grade.loss for grade in grades) / len(grades) if grades else None,
        harm=sum(grade.harm for grade in grades),
        unanswered=sum(row.state == "done" and row.error is not None for row in rows),
        gone=sum(row.state == "gone" for row in rows),
        cost=sum((Decimal(row.cost) for row in rows if row.cost is not None), Decimal(0)),
    )
