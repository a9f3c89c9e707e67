"""What was replayed before is found by case, and a plan begins with it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from weighbridge.db import Connection
from weighbridge.routing.quality.rule import Arm, State
from weighbridge.switch import planned, replayed, store
from weighbridge.switch.anchors import Anchors
from weighbridge.switch.case import Grade
from weighbridge.switch.planned import About, FromFile, Plan, PlannedArm, PlannedRoute, Range
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.sources import Ref
from weighbridge.switch.store import REFERENCE, CertificateRow, PlanRow, ReplayRow, RuleRow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DONE = Replayed(state="done", receipt="wbr-1", finish="stop")
EACH = Range(Decimal(1), Decimal(1), Decimal(1))
SMALL, NEW = Arm("near/small"), Arm("near/new")


def plan(id_: str, *cases: str, arms: tuple[Arm, ...] = (SMALL,), issued: int = 0, reference: str = "near/big") -> Plan:
    route = PlannedRoute(
        "rt-1", About(), "", 10, None, None, None, Decimal(2), recorded=False,
        cases=tuple(Ref(each) for each in cases), answered=0, judged=0,
        arms=tuple(PlannedArm(each, None, "near", EACH) for each in arms), issued=issued,
    )  # fmt: skip
    return Plan(
        id=id_, at=NOW, reference=reference, source=FromFile("x"), epsilon=0.1, delta=0.1, routes=(route,)
    )  # fmt: skip


def add(connection: Connection, made: Plan, *, days: int = 0, loss: float = 0.0) -> None:
    store.add_plan(connection, PlanRow(made.id, made.at + timedelta(days=days), planned.encode(made)))
    graded = msgspec.structs.replace(DONE, grade=Grade("exact/1", loss))
    store.put_replays(
        connection,
        [
            ReplayRow(made.id, ref.case, arm, NOW, replayed.encode(DONE if arm == REFERENCE else graded))
            for route in made.routes
            for ref in route.cases
            for arm in (REFERENCE, *(each.arm.id for each in route.arms))
        ],
    )


def certify(connection: Connection, plan_: str, *, state: State | None = None, number: int = 1) -> None:
    document = msgspec.json.encode({"reference": "near/big", "arms": [{"model": "near/small"}], "tau": 0.1})
    id_ = f"cert-{plan_}-{number}"
    store.add_certificate(connection, CertificateRow(id_, plan_, "rt-1", NOW, NOW, document, b""))
    if state is not None:
        store.add_rule(connection, RuleRow("rt-1", number, id_, NOW, 0.1, state, "applied"))


def losses(connection: Connection, made: Plan) -> dict[tuple[str, str], float | None]:
    return {
        (row.case, row.arm): None if (grade := replayed.decode(row.document).grade) is None else grade.loss
        for row in Anchors(connection, "near/big").taken_over(made)
    }


def test_a_plan_begins_with_what_the_newest_plan_has_graded(connection: Connection) -> None:
    add(connection, plan("plan-1", "a", "b"), loss=0.5)
    add(connection, plan("plan-2", "b", "c"), days=1)
    found = Anchors(connection, "near/big")
    assert ["a" in found, "c" in found, "d" in found] == [True, True, False]
    made = plan("plan-3", "a", "b", "d", arms=(NEW, SMALL))
    assert losses(connection, made) == {
        ("a", "near/small"): 0.5, ("a", REFERENCE): None, ("b", "near/small"): 0.0, ("b", REFERENCE): None,
    }  # fmt: skip
    assert (found.graded("near/small", "abd"), found.graded("near/new", "abd")) == (2, 0)
    assert {row.plan for row in found.taken_over(made)} == {"plan-3"}
    assert "a" not in Anchors(connection, "near/other")


def test_what_was_not_graded_or_has_no_answer_of_the_reference_is_no_anchor(connection: Connection) -> None:
    made = plan("plan-1", "a", "b", "c")
    store.add_plan(connection, PlanRow(made.id, made.at, planned.encode(made)))
    graded = replayed.encode(msgspec.structs.replace(DONE, grade=Grade("exact/1", 0.0)))
    store.put_replays(
        connection,
        [
            ReplayRow("plan-1", "a", "near/small", NOW, graded),
            ReplayRow("plan-1", "a", REFERENCE, NOW, replayed.encode(Replayed(state="gone"))),
            ReplayRow("plan-1", "b", "near/small", NOW, replayed.encode(DONE)),
            ReplayRow("plan-1", "b", REFERENCE, NOW, replayed.encode(DONE)),
        ],
    )
    found = Anchors(connection, "near/big")
    assert [each in found for each in "abc"] == [False] * 3


@pytest.mark.parametrize(("state", "pool"), [("proven", (SMALL,)), ("stepped_back", (SMALL,)), ("rolled_back", ())])
def test_the_pool_is_of_the_rule_that_holds(connection: Connection, state: State, pool: tuple[Arm, ...]) -> None:
    add(connection, plan("plan-1", "a"))
    certify(connection, "plan-1", state=state)
    assert Anchors(connection, "near/big").pool("rt-1") == pool
    assert Anchors(connection, "near/big").pool("rt-2") == ()
    assert Anchors(connection, "near/other").pool("rt-1") == ()


def test_every_verdict_on_the_same_replays_is_counted_also_of_plans_before_the_last(connection: Connection) -> None:
    add(connection, plan("plan-1", "a"))
    add(connection, plan("plan-2", "b", issued=2), days=1)
    certify(connection, "plan-1")
    certify(connection, "plan-1", number=2)
    certify(connection, "plan-2")
    found = Anchors(connection, "near/big")
    assert [found.issued("rt-1", cases) for cases in ("a", "b", "ab", "c")] == [2, 3, 5, 0]
    assert found.issued("rt-2", "ab") == 0
