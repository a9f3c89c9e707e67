"""Shadows that are written down, and the alarm over them, on each engine."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import inf

import msgspec
import pytest

from tests.gateway.switched import rule
from weighbridge import db
from weighbridge.app.shadows import Ear, event_of, written
from weighbridge.db import Connection
from weighbridge.gateway.shadowing import Shadow
from weighbridge.gateway.switching import InForce
from weighbridge.switch import store
from weighbridge.switch.case import Grade
from weighbridge.switch.store import RuleRow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HELD = InForce(rule(shadow_rate=0.5, allowed=(0.02, 0.05, 0.2)), None, watch=0.05)


@pytest.fixture
def connection(place: db.Place) -> Iterator[Connection]:
    """One with the rule in it."""
    with closing(db.connect(place)) as opened:
        assert store.add_rule(opened, RuleRow(HELD.rule.route, 1, "crt-1", NOW, 0.1, "proven", "applied"))
        yield opened


def shadow(number: int, loss: float | None, held: InForce = HELD) -> Shadow:
    grade = None if loss is None else Grade("exact/1", loss, 1.0, 1.0 - loss)
    at = NOW + timedelta(seconds=number)
    return Shadow(f"wbr-{number:03}", at, held, "lab/tiny", 0.01, f"wbr-9{number:02}", grade)


def seen(connection: Connection, losses: list[float | None], held: InForce = HELD, after: int = 1) -> list[RuleRow]:
    """What the alarm has written after each of them."""
    each = (written(connection, shadow(at, loss, held), NOW) for at, loss in enumerate(losses, after))
    return [row for row in each if row is not None]


def test_losses_as_promised_are_no_alarm_and_what_nobody_graded_counts_for_nothing(connection: Connection) -> None:
    assert seen(connection, [0.0, None, 1.0, *([0.0] * 40), None]) == []
    rows = store.shadows(connection, "crt-1")
    assert (len(rows), rows[0].propensity, rows[0].predicted, rows[1].loss, rows[2].harm) == (44, 0.5, 0.01, None, True)
    assert len(store.history(connection, HELD.rule.route)) == 1


def test_losses_that_are_too_many_step_back_one_proven_knob_at_a_time(connection: Connection) -> None:
    (first,) = seen(connection, [1.0] * 15)
    assert (first.tau, first.state, first.number) == (0.05, "stepped_back", 2)
    stricter = msgspec.structs.replace(HELD, rule=msgspec.structs.replace(HELD.rule, tau=0.05))
    (second,) = seen(connection, [1.0] * 15, stricter, after=20)
    (third,) = seen(
        connection, [1.0] * 15, msgspec.structs.replace(HELD, rule=msgspec.structs.replace(HELD.rule, tau=0.02)), 40
    )
    assert (second.tau, third.tau, third.number) == (0.02, -inf, 4)
    event = event_of(third, shadow(1, 1.0))
    assert (event.figures["tau"], event.subject["certificate"]) == (None, "crt-1")


def test_each_worker_hears_every_shadow_once_whoever_wrote_it_and_when(connection: Connection) -> None:
    mild = msgspec.structs.replace(HELD, watch=0.2)
    first, second, alone = Ear(mild, NOW), Ear(mild, NOW), Ear(mild, NOW)
    losses = [0.3 if number % 3 else 0.9 for number in range(60)]
    for number, loss in enumerate(losses):
        late = 3000 if number % 10 == 7 else 0  # seconds: another worker's, that is written after younger ones
        made = shadow(60 * number - late, loss, mild)
        written(connection, msgspec.structs.replace(made, at=max(made.at, NOW)), NOW, {})
        if number % 2:
            first.hears(connection)
        second.hears(connection)
    alone.hears(connection)
    assert first.hears(connection) == second.hears(connection)
    assert first.alarm.cases == second.alarm.cases == alone.alarm.cases == len(losses)
    assert first.lost == pytest.approx(sum(losses))


def test_what_was_read_long_ago_is_not_read_again(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    ears: dict[str, Ear] = {}
    reads: list[int] = []
    read = store.losses

    def counted(of: Connection, certificate: str, tau: float, since: datetime) -> list[tuple[str, int, float, float]]:
        found = read(of, certificate, tau, since)
        reads.append(len(found))
        return found

    monkeypatch.setattr(store, "losses", counted)
    for number in range(100):
        assert written(connection, shadow(600 * number, 0.06 if number % 2 else 0.0), NOW, ears) is None
    assert len(reads) == 50
    assert max(reads) == 9, "those of the hour before the last that was heard, and the two since"


def test_shadows_of_a_time_when_fewer_were_watched_are_weighed_as_before(connection: Connection) -> None:
    rarely = msgspec.structs.replace(HELD, rule=msgspec.structs.replace(HELD.rule, shadow_rate=0.1))
    ear = Ear(HELD, NOW)
    seen(connection, [0.5, 0.0, 0.5])
    ear.hears(connection)
    seen(connection, [0.5, 0.0, 0.5], rarely, after=10)
    ear.hears(connection)
    anew = Ear(rarely, NOW)
    anew.hears(connection)
    assert (ear.alarm.least, ear.alarm.cases) == (0.1, 6)
    assert ear.alarm.capital == anew.alarm.capital


def test_who_still_goes_by_the_rule_before_changes_nothing_more(connection: Connection) -> None:
    seen(connection, [1.0] * 15)
    assert seen(connection, [1.0] * 15, after=20) == []
    assert [row.tau for row in store.history(connection, HELD.rule.route)] == [0.05, 0.1]


def test_what_its_owner_has_rolled_back_is_not_stepped_back(connection: Connection) -> None:
    row = RuleRow(HELD.rule.route, 2, "crt-1", NOW, -inf, "rolled_back", "by its owner")
    assert store.add_rule(connection, row)
    assert seen(connection, [1.0] * 15) == []
