"""`weighbridge switch apply` and `rollback`: what is put in force, what is not, and that both are written down."""

import json
import math
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_switch import home, many, planned, requests
from tests.gateway.switched import predictor
from weighbridge import audit_log, db
from weighbridge.switch import store
from weighbridge.switch.store import CertificateRow, RuleRow

__all__ = ["home"]
NOW = datetime.now(UTC)
PROVEN = {
    "reference": "near/big",
    "arms": [{"model": "near/small"}, {"model": "near/smaller"}],
    "tau": 0.1,
    "epsilon": 0.02,
}


class Given:
    """A plan of one route, and certificates for it."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        made = planned(shell, "--to", "near/small", "--requests", requests(shell, *many()), "--yes")
        self.plan: str = made["plan"]
        self.route: str = made["routes"][0]["route"]

    def issue(self, id_: str = "crt-1", *, days: float = 30, predictor: bytes = b"", **other: Any) -> None:  # noqa: ANN401 - JSON
        with closing(db.connect(self.shell.home / "ledger.db")) as connection:
            document = json.dumps({**PROVEN, **other}).encode()
            expires = NOW + timedelta(days=days)
            row = CertificateRow(
                id_, self.plan, self.route, NOW + timedelta(seconds=len(id_)), expires, document, predictor
            )
            store.add_certificate(connection, row)

    def rules(self) -> list[RuleRow]:
        with closing(db.connect(self.shell.home / "ledger.db")) as connection:
            return store.history(connection, self.route)

    def log(self) -> list[tuple[str, str]]:
        with closing(db.connect(self.shell.home / "ledger.db")) as connection:
            rows = audit_log.rows(connection, audit_log.Wanted())
        return [(row.change.action, row.change.target) for row in rows if row.change.action.startswith("switch.")]


@pytest.fixture
def given(home: Shell) -> Given:
    return Given(home)


def test_what_was_proven_is_put_in_force_once_and_taken_back(given: Given) -> None:
    given.issue()
    said = given.shell.good("switch", "apply", given.plan, "--yes")
    assert "In force on 1 routes" in said
    assert "near/small, near/smaller\t2 %" in said
    (row,) = given.rules()
    assert (row.certificate, row.tau, row.state, row.number) == ("crt-1", 0.1, "proven", 1)
    assert "holds already" in given.shell.good("switch", "apply", given.plan, "--yes")
    assert "Rolled back: 1 routes." in given.shell.good("switch", "rollback", given.route, "--yes")
    assert [each.state for each in given.rules()] == ["rolled_back", "proven"]
    assert given.rules()[0].tau == -math.inf
    assert "nothing changes" in given.shell.good("switch", "rollback", "--all")
    given.shell.good("switch", "apply", given.plan, "--route", given.route, "--yes")
    assert [each.state for each in given.rules()] == ["proven", "rolled_back", "proven"]
    assert given.log() == [(f"switch.{each}", given.route) for each in ("apply", "rollback", "apply")]


def test_a_model_that_may_always_answer_is_put_in_force_as_such(given: Given) -> None:
    given.issue(tau="always")
    (told,) = json.loads(given.shell.good("switch", "apply", given.plan, "--yes", "--json"))
    assert told["tau"] == "always"
    assert given.rules()[0].tau == math.inf


def test_the_newest_certificate_of_a_route_takes_the_place_of_another(given: Given) -> None:
    given.issue()
    given.shell.good("switch", "apply", given.plan, "--yes")
    given.issue("crt-newer", tau=0.2)
    (told,) = json.loads(given.shell.good("switch", "apply", given.plan, "--yes", "--json"))
    assert (told["certificate"], told["before"], told["applied"], told["tau"]) == ("crt-newer", "crt-1", True, 0.2)
    assert [each.certificate for each in given.rules()] == ["crt-newer", "crt-1"]


def test_what_no_alarm_will_see_is_said_before_and_after(given: Given) -> None:
    given.issue(
        sight={"share": 0.0, "blind_to": ["tests/1"]},
        graders={"tests/1": 120},
        predictor=predictor("near/small", "near/smaller"),
    )
    blind = "the alarm sees none of what is moved: tests/1 does not grade while the gateway runs"
    assert f"{given.route}: {blind}" in given.shell.run("switch", "apply", given.plan, "--yes").stderr
    told = json.loads(given.shell.good("switch", "status", "--json"))
    assert [each["alarm_sees"] for each in (*told["certificates"], *told["rules"])] == ["nothing: not tests/1"] * 2
    assert told["certificates"][0]["graders"] == "tests/1"
    assert ("note", f"{given.route}: {blind}") in found(given.shell)


def test_nothing_is_applied_that_nobody_has_agreed_to(given: Given) -> None:
    given.issue()
    given.shell.good("switch", "apply", given.plan, "--json")
    assert given.rules() == []


@pytest.mark.parametrize(
    ("days", "document", "options", "why"),
    [
        (-1, {}, (), "it has run out on"),
        (30, {"tau": None}, (), "nothing was proven"),
        (30, {}, ("--epsilon", "0.01"), "more than 0.01"),
        (30, {"arms": [{"model": "near/gone"}]}, (), "near/gone: nobody serves it here"),
        (30, {"arms": "near/small"}, (), "it is of another release"),
    ],
)
def test_what_does_not_hold_cannot_be_applied(
    given: Given, days: float, document: dict[str, Any], options: tuple[str, ...], why: str
) -> None:
    given.issue(days=days, **document)
    said = given.shell.fails(1, ["switch", "apply", given.plan, "--yes", *options])
    assert why in said
    assert given.rules() == []


def test_a_policy_that_has_come_meanwhile_keeps_a_model_out(given: Given) -> None:
    given.issue()
    directory = given.shell.home.parent
    (directory / "policy.toml").write_text('[[deny]]\nname = "nobody strange"\nunless.origin.country = ["FR"]\n')
    settings = directory / "weighbridge.toml"
    settings.write_text('[policy]\nfile = "policy.toml"\n' + settings.read_text())
    said = given.shell.fails(1, ["switch", "apply", given.plan, "--yes"])
    assert "near/small: policy: rule 'policy.toml: nobody strange' keeps" in said


def test_what_an_alarm_has_taken_back_takes_another_test(given: Given) -> None:
    given.issue()
    given.shell.good("switch", "apply", given.plan, "--yes")
    with closing(db.connect(given.shell.home / "ledger.db")) as connection:
        row = RuleRow(given.route, 2, "crt-1", NOW, -math.inf, "stepped_back", "9 shadows lost 0.5 in the mean")
        assert store.add_rule(connection, row)
    assert "an alarm has stepped it back" in given.shell.fails(1, ["switch", "apply", given.plan, "--yes"])
    given.shell.good("switch", "rollback", "--all", "--yes")
    assert "an alarm has stepped it back" in given.shell.fails(1, ["switch", "apply", given.plan, "--yes"])


@pytest.mark.parametrize(
    ("command", "status", "why"),
    [
        (("apply", "plan-000000000000"), 1, "there is no plan"),
        (("apply", "PLAN"), 1, "nothing is proven yet"),
        (("apply", "PLAN", "--route", "rt-000000000000"), 1, "the plan has no route"),
        (("rollback",), 2, "say --all"),
        (("rollback", "--all", "rt-000000000000"), 2, "say --all"),
        (("rollback", "rt-000000000000"), 1, "no rule holds"),
    ],
)
def test_a_slip_is_told_with_what_would_do(given: Given, command: tuple[str, ...], status: int, why: str) -> None:
    said = given.shell.fails(status, ["switch", *(given.plan if each == "PLAN" else each for each in command)])
    assert why in said


def found(shell: Shell) -> list[tuple[str, str]]:
    told = json.loads(shell.run("doctor", "--json").stdout)
    return [(each["condition"], each["said"]) for each in told if each["about"] == "switch"]


def test_doctor_says_what_is_routed_and_what_cannot_be_read(given: Given) -> None:
    assert found(given.shell) == []
    given.issue(predictor=b"nothing to predict by")
    given.shell.good("switch", "apply", given.plan, "--yes")
    failed, routed = found(given.shell)
    assert (failed[0], routed) == ("failed", ("ok", "0 routes are answered by what is proven, of 1 that were"))
    assert "crt-1: what it predicts by cannot be read" in failed[1] or "this is no predictor" in failed[1]


def test_doctor_tells_of_what_runs_out_soon_or_is_turned_off(given: Given) -> None:
    given.issue(days=3, predictor=predictor("near/small", "near/smaller"))
    given.shell.good("switch", "apply", given.plan, "--yes")
    routed, soon = found(given.shell)
    assert routed == ("ok", "1 routes are answered by what is proven, of 1 that were")
    assert (soon[0], f"the certificate of {given.route} runs out on" in soon[1]) == ("note", True)
    given.shell.environ["WEIGHBRIDGE_SWITCH_ENABLED"] = "false"
    assert found(given.shell) == [("note", "1 rules are in force, and switch.enabled is off")]
