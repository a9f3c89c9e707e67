"""From certificates to rules and back, on each engine."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from weighbridge import audit_log
from weighbridge.audit_log import Actor
from weighbridge.db import Connection, transaction
from weighbridge.switch import store
from weighbridge.switch.applying import Raced, Step, applied, rolled_back, steps
from weighbridge.switch.store import CertificateRow, RuleRow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN = Actor("cli:ann")
PROMISE = {"reference": "lab/large", "arms": [{"model": "lab/small"}, {"model": "lab/tiny"}], "epsilon": 0.02}


def issue(connection: Connection, id_: str = "cert-1", tau: object = 0.1, route: str = "rt-1", hours: int = 0) -> None:
    document = json.dumps({**PROMISE, "tau": tau}).encode()
    at = NOW + timedelta(hours=hours)
    store.add_certificate(connection, CertificateRow(id_, "plan-1", route, at, NOW + timedelta(days=9), document, b""))


def found(
    connection: Connection, *, only: tuple[str, ...] = (), refused: Mapping[str, str] | None = None
) -> list[Step]:
    def unasked(route: str, model: str) -> str | None:
        return (refused or {}).get(model)

    return steps(connection, "plan-1", only=only, epsilon=None, unasked=unasked, now=NOW)


def test_the_newest_of_each_route_is_put_in_force_and_logged_with_what_was_before(connection: Connection) -> None:
    issue(connection, route="rt-2", tau="always")
    issue(connection, "cert-2")
    issue(connection, "cert-3", hours=1)
    made = sorted(found(connection), key=lambda step: step.certificate.route)
    assert [(step.certificate.id, step.changes) for step in made] == [("cert-3", True), ("cert-1", True)]
    rows = applied(connection, made, by=ANN, now=NOW)
    assert store.rules(connection) == rows
    assert [(row.route, row.tau, row.state, row.number) for row in rows] == [
        ("rt-1", 0.1, "proven", 1),
        ("rt-2", inf, "proven", 1),
    ]
    assert not any(step.changes for step in found(connection))
    (gone,) = rolled_back(connection, rows[:1], by=ANN, now=NOW)
    assert (gone.tau, gone.state, gone.number) == (-inf, "rolled_back", 2)
    assert rolled_back(connection, store.rules(connection)[:1], by=ANN, now=NOW) == []
    *_, last = audit_log.rows(connection, audit_log.Wanted())
    assert (last.actor, last.change.action, last.change.target) == (ANN, "switch.rollback", "rt-1")
    assert last.change.before == {"certificate": "cert-3", "tau": 0.1, "state": "proven"}
    assert last.change.after == {"certificate": "cert-3", "tau": None, "state": "rolled_back"}


def test_a_rule_that_another_has_changed_meanwhile_is_left_and_so_are_the_others(connection: Connection) -> None:
    issue(connection)
    issue(connection, "cert-2", route="rt-2")
    made = sorted(found(connection), key=lambda step: step.certificate.route)
    assert store.add_rule(connection, RuleRow("rt-2", 1, "cert-9", NOW, 0.5, "proven", "another"))
    with pytest.raises(Raced, match="rt-2"), transaction(connection):
        applied(connection, made, by=ANN, now=NOW)
    assert [row.certificate for row in store.rules(connection)] == ["cert-9"]


def test_one_arm_that_may_not_be_asked_is_told_and_all_of_them_are_a_refusal(connection: Connection) -> None:
    issue(connection)
    (some,) = found(connection, refused={"lab/tiny": "nobody serves it here"})
    assert (some.refused, some.passed_over) == (None, ("lab/tiny: nobody serves it here",))
    (none,) = found(connection, refused={"lab/tiny": "nobody serves it here", "lab/small": "policy"})
    assert none.refused == "none of its models may be asked: lab/small: policy; lab/tiny: nobody serves it here"
    assert found(connection, only=("rt-2",)) == []


def test_what_was_stepped_back_by_an_alarm_is_not_put_in_force_again(connection: Connection) -> None:
    issue(connection)
    (row,) = applied(connection, found(connection), by=ANN, now=NOW)
    store.add_rule(connection, replace(row, number=2, tau=-inf, state="stepped_back", why="9 shadows lost 0.5"))
    (step,) = found(connection)
    assert step.refused is not None
    assert step.refused.endswith("9 shadows lost 0.5")
    issue(connection, "cert-2", hours=1)
    assert [step.refused for step in found(connection)] == [None]
