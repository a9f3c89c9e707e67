"""What a switch writes down comes back as it was, on each engine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from weighbridge import db
from weighbridge.db import Connection
from weighbridge.switch import store
from weighbridge.switch.store import CertificateRow, PlanRow, ReplayRow, RuleRow, ShadowRow

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PLAN = PlanRow("plan-1", NOW, '{"title":"Ünïcode أهلا"}'.encode())
REPLAY = ReplayRow("plan-1", "wbr-1", "a/b@low#512", NOW, b'{"cost":"0.1"}')
CERTIFICATE = CertificateRow("cert-1", "plan-1", "rt-1", NOW, LATER, b"{}", b"\x00\xffPK")
RULE = RuleRow("rt-1", 1, "cert-1", NOW, 0.125, "proven", "weighbridge switch apply")
SHADOW = ShadowRow(
    certificate="cert-1", receipt="wbr-2", at=NOW, shadow_receipt="wbr-3", propensity=0.03, tau=0.1, arm="a/b",
    predicted=-0.25, loss=1.0, harm=True,
)  # fmt: skip


def test_a_plan_is_found_by_its_id_and_the_newest_come_first(connection: Connection) -> None:
    newer = replace(PLAN, id="plan-0", at=LATER)
    store.add_plan(connection, PLAN)
    store.add_plan(connection, newer)
    assert store.find_plan(connection, "plan-1") == PLAN
    assert store.find_plan(connection, "plan-2") is None
    assert store.plans(connection) == [newer, PLAN]
    with pytest.raises(db.Error):
        store.add_plan(connection, PLAN)


def test_a_replay_that_is_written_again_is_one_row(connection: Connection) -> None:
    others = [replace(REPLAY, arm="reference"), replace(REPLAY, plan="plan-2")]
    store.put_replays(connection, [REPLAY, *others])
    again = replace(REPLAY, at=LATER, document=b'{"cost":"0.2"}')
    store.put_replays(connection, [again])
    assert store.replays(connection, "plan-1") == [again, others[0]]
    assert store.replays(connection, "plan-2") == [others[1]]
    assert store.replays(connection, "plan-3") == []


def test_replays_are_written_all_or_none(connection: Connection) -> None:
    broken = replace(REPLAY, arm=None)  # type: ignore[arg-type] # which the table refuses
    with pytest.raises(db.Error):
        store.put_replays(connection, [REPLAY, broken])
    assert store.replays(connection, "plan-1") == []


def test_a_certificate_has_its_predictor_where_it_is_asked_for_alone(connection: Connection) -> None:
    other = replace(CERTIFICATE, id="cert-2", plan="plan-2", issued=LATER, predictor=b"")
    store.add_certificate(connection, CERTIFICATE)
    store.add_certificate(connection, other)
    assert store.find_certificate(connection, "cert-1") == CERTIFICATE
    assert store.find_certificate(connection, "cert-3") is None
    assert store.certificates(connection) == [other, replace(CERTIFICATE, predictor=b"")]
    assert store.certificates(connection, plan="plan-2") == [other]


def test_the_last_rule_of_a_route_holds_and_those_before_are_its_history(connection: Connection) -> None:
    back = replace(RULE, number=2, at=LATER, tau=-inf, state="stepped_back", why="the alarm")
    other = replace(RULE, route="rt-0", tau=inf)
    for row in (RULE, back, other):
        before = store.version(connection)
        assert store.add_rule(connection, row)
        assert store.version(connection) == before + 1
    assert store.rules(connection) == [other, back]
    assert store.history(connection, "rt-1") == [back, RULE]


def test_of_two_who_change_a_rule_at_once_the_first_has_done_it(connection: Connection) -> None:
    assert store.add_rule(connection, RULE)
    assert not store.add_rule(connection, replace(RULE, tau=0.5, why="another worker's alarm"))
    assert store.rules(connection) == [RULE]


@pytest.mark.parametrize("sql", ["UPDATE switch_rule SET tau = 1", "DELETE FROM switch_rule"])
def test_rules_are_append_only(sql: str, connection: Connection) -> None:
    store.add_rule(connection, RULE)
    with pytest.raises(db.Error, match="append-only"):
        connection.execute(sql)
    assert store.rules(connection) == [RULE]


def test_shadows_are_a_certificates_in_order_of_time_and_each_is_there_once(connection: Connection) -> None:
    ungraded = replace(SHADOW, receipt="wbr-1", at=LATER, shadow_receipt=None, loss=None, harm=None, predicted=None)
    store.add_shadows(connection, [ungraded, SHADOW, replace(SHADOW, certificate="cert-2")])
    store.add_shadows(connection, [replace(SHADOW, loss=0.0)])
    assert store.shadows(connection, "cert-1") == [SHADOW, ungraded]
    assert store.shadows(connection, "cert-1", since=LATER) == [ungraded]


def test_shadows_are_counted_and_the_losses_of_a_knob_are_read_by_themselves(connection: Connection) -> None:
    assert store.watched(connection, "cert-1") == store.Watched(0, 0, None, 0)
    harmless = replace(SHADOW, receipt="wbr-4", at=LATER, loss=0.25, harm=False)
    loose = replace(SHADOW, receipt="wbr-3", at=LATER, tau=SHADOW.tau + 1, loss=0.0, harm=False)
    ungraded = replace(SHADOW, receipt="wbr-1", at=LATER, loss=None, harm=None)
    lost = replace(SHADOW, loss=0.5, harm=True)
    store.add_shadows(connection, [harmless, lost, loose, ungraded, replace(SHADOW, certificate="cert-2")])
    assert store.watched(connection, "cert-1") == store.Watched(4, 3, 0.25, 1)
    both = [(each.receipt, db.microseconds(each.at), each.loss, each.propensity) for each in (lost, harmless)]
    assert store.losses(connection, "cert-1", SHADOW.tau, SHADOW.at) == both
    assert store.losses(connection, "cert-1", SHADOW.tau, LATER) == both[1:]
