"""A report says what length does to a judge, of the pairs that it compared and of no others."""

from decimal import Decimal

import msgspec

from tests.switch.test_anchors import DONE, NOW, SMALL, plan
from weighbridge.db import Connection
from weighbridge.switch import planned, replayed, store
from weighbridge.switch.case import Grade
from weighbridge.switch.outcome import LengthEffect
from weighbridge.switch.report.filling import report
from weighbridge.switch.store import REFERENCE, PlanRow, ReplayRow

CASES = tuple(f"case-{number}" for number in range(24))


def length_of(connection: Connection, id_: str, *, exact: bool) -> LengthEffect | None:
    """Each other answer is twice as long, and judged to win."""
    made = msgspec.structs.replace(plan(id_, *CASES), judge="judge/one")
    store.add_plan(connection, PlanRow(id_, NOW, planned.encode(made)))
    rows = []
    for number, case in enumerate(CASES):
        longer = number % 2
        grade = Grade("pairwise/1", -1.0 if longer else 0.0, exact=exact)
        own = msgspec.structs.replace(DONE, length=200 if longer else 100, grade=grade)
        theirs = msgspec.structs.replace(DONE, length=100)
        rows += [ReplayRow(id_, case, SMALL.id, NOW, replayed.encode(own))]
        rows += [ReplayRow(id_, case, REFERENCE, NOW, replayed.encode(theirs))]
    store.put_replays(connection, rows)
    (route,) = report(connection, made, spent=Decimal(0), rate=None, now=NOW).routes
    return route.rests.length


def test_pairs_that_a_judge_compared_show_what_length_does(connection: Connection) -> None:
    found = length_of(connection, "plan-1", exact=False)
    assert found is not None
    assert (found.count, found.mean) == (24, -0.5)
    assert -1.5 < found.slope < -1.4, "a loss of 1 less for twice the length, by the natural logarithm"
    assert abs(found.at_equal_length) < 0.01


def test_what_was_graded_exactly_is_left_out(connection: Connection) -> None:
    assert length_of(connection, "plan-2", exact=True) is None
